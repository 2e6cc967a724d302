package main

import (
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type schemas struct {
	provider    *tfprotov6.Schema
	resources   map[string]*tfprotov6.Schema
	dataSources map[string]*tfprotov6.Schema
}

// A line of schema.txt with those indented below it.
type line struct {
	number   int
	words    []string
	children []*line
}

func parse(text string) (schemas, error) {
	roots := tree(text)
	shared := map[string]*line{}
	for _, root := range roots {
		if root.words[0] == "fields" {
			shared[root.words[1]] = root
		}
	}
	out := schemas{
		resources:   map[string]*tfprotov6.Schema{},
		dataSources: map[string]*tfprotov6.Schema{},
	}
	for _, root := range roots {
		block, err := blockOf(root, shared)
		if err != nil {
			return out, err
		}
		schema := &tfprotov6.Schema{Block: block}
		switch name := root.words[1]; root.words[0] {
		case "resource":
			out.resources[name] = withID(schema)
		case "data":
			out.dataSources[name] = withID(schema)
		case "fields":
			if name == "provider" {
				out.provider = schema
			}
		default:
			return out, fmt.Errorf("schema.txt:%d: %q is no kind of root", root.number, root.words[0])
		}
	}
	return out, nil
}

// Two spaces of indentation are one level.
func tree(text string) []*line {
	root := &line{}
	open := []*line{root}
	for i, raw := range strings.Split(text, "\n") {
		raw, _, _ = strings.Cut(raw, "#")
		words := strings.Fields(raw)
		if len(words) == 0 {
			continue
		}
		depth := (len(raw) - len(strings.TrimLeft(raw, " "))) / 2
		open = open[:depth+1]
		this := &line{number: i + 1, words: words}
		open[depth].children = append(open[depth].children, this)
		open = append(open, this)
	}
	return root.children
}

func blockOf(parent *line, shared map[string]*line) (*tfprotov6.SchemaBlock, error) {
	block := &tfprotov6.SchemaBlock{}
	for _, field := range parent.children {
		if field.words[0] == "include" {
			return blockOf(shared[field.words[1]], shared)
		}
		if len(field.children) > 0 {
			nested, err := nestedOf(field, shared)
			if err != nil {
				return nil, err
			}
			block.BlockTypes = append(block.BlockTypes, nested)
			continue
		}
		attribute, err := attributeOf(field)
		if err != nil {
			return nil, err
		}
		block.Attributes = append(block.Attributes, attribute)
	}
	return block, nil
}

func nestedOf(field *line, shared map[string]*line) (*tfprotov6.SchemaNestedBlock, error) {
	inner, err := blockOf(field, shared)
	if err != nil {
		return nil, err
	}
	nested := &tfprotov6.SchemaNestedBlock{TypeName: field.words[0], Block: inner}
	kind, single := strings.CutSuffix(field.words[1], "1")
	if single {
		nested.MaxItems = 1
	}
	if has(field, "required") {
		nested.MinItems = 1
	}
	switch kind {
	case "list":
		nested.Nesting = tfprotov6.SchemaNestedBlockNestingModeList
	case "set":
		nested.Nesting = tfprotov6.SchemaNestedBlockNestingModeSet
	default:
		return nil, fmt.Errorf("schema.txt:%d: %q is no kind of block", field.number, kind)
	}
	return nested, nil
}

func attributeOf(field *line) (*tfprotov6.SchemaAttribute, error) {
	types := map[string]tftypes.Type{
		"string": tftypes.String, "bool": tftypes.Bool, "int": tftypes.Number, "float": tftypes.Number,
		"map":          tftypes.Map{ElementType: tftypes.String},
		"list(string)": tftypes.List{ElementType: tftypes.String},
		"set(string)":  tftypes.Set{ElementType: tftypes.String},
	}
	kind, ok := types[field.words[1]]
	if !ok {
		return nil, fmt.Errorf("schema.txt:%d: %q is no type", field.number, field.words[1])
	}
	return &tfprotov6.SchemaAttribute{
		Name: field.words[0], Type: kind,
		Required: has(field, "required"),
		Computed: has(field, "computed"),
		Optional: !has(field, "required") && (has(field, "optional") || !has(field, "computed")),
	}, nil
}

func has(field *line, word string) bool {
	for _, w := range field.words[2:] {
		if w == word {
			return true
		}
	}
	return false
}

// Every resource and data source of the SDK has it.
func withID(schema *tfprotov6.Schema) *tfprotov6.Schema {
	schema.Block.Attributes = append(schema.Block.Attributes, &tfprotov6.SchemaAttribute{
		Name: "id", Type: tftypes.String, Optional: true, Computed: true,
	})
	return schema
}
