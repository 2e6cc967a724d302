{{/*
The namespaces in which images are named by digest, and the images that the cluster's values name for
each. The Gateways' are not among them: agentgateway makes their pods, of the tag that its chart is of.
*/}}
{{- define "foundation.byDigest" }}
{{- $images := .Values.images }}
{{- $serving := list (get $images "endpoint-picker") }}
{{- range .Values.models }}
{{- $serving = concat $serving (list .weights (get $images (ternary "vllm" "vllm-cpu" (eq .accelerator "nvidia")))) }}
{{- end }}
{{- $elsewhere := list "endpoint-picker" "vllm" "vllm-cpu" "git-mirror" "probe" "open-webui" "tabby" "n8n" }}
{{- if or (ne .Values.certificates.public "acme") (ne .Values.certificates.acme.solver "http01") }}
{{- $elsewhere = append $elsewhere "acme-solver" }}
{{- end }}
{{- /* What a fork adds to `images` is for the edge: another data plane has containers of its own. */}}
{{- $edge := omit $images }}
{{- range $elsewhere }}{{ $edge = omit $edge . }}{{ end }}
{{- $found := dict "edge" (values $edge) "serving" $serving }}
{{- range $feature, $namespace := dict "openWebui" "open-webui" "tabby" "tabby" "n8n" "n8n" }}
{{- if get $.Values.features $feature }}{{ $_ := set $found $namespace (list (get $images $namespace)) }}{{ end }}
{{- end }}
{{- /* What runs there is not of ours. */}}
{{- if .Values.features.mcp }}{{ $_ := set $found "tools" (list) }}{{ end }}
{{- if .Values.features.kueue }}
{{- range .Values.tenants }}{{ $_ := set $found (printf "tenant-%s" .) (list) }}{{ end }}
{{- end }}
{{- /* One of them is where `make verify-isolation` tries what policies refuse. */}}
{{- range $name, $named := omit $found "edge" }}
{{- $_ := set $found $name (append $named $images.probe) }}
{{- end }}
{{- toYaml $found }}
{{- end }}
