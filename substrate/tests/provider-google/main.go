// A stand-in for hashicorp/google that knows the shape of what substrate/gke uses and nothing else:
// it serves schema.txt and refuses everything that would reach a cloud.
package main

import (
	_ "embed"
	"log"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

//go:embed schema.txt
var schemaText string

func main() {
	schemas, err := parse(schemaText)
	if err != nil {
		log.Fatal(err)
	}
	err = tf6server.Serve("registry.opentofu.org/hashicorp/google", func() tfprotov6.ProviderServer {
		return &provider{schemas: schemas}
	})
	if err != nil {
		log.Fatal(err)
	}
}
