{{/*
Tabby's configuration, in which External Secrets puts the key. All three models are the edge's: one
that were missing here Tabby would download and run by itself. Completions are sent as prompt and
suffix; the edge makes them what the model wants, by `fim` in the rule files.
*/}}
{{- define "tabby.config" -}}
{{- $models := .Values.tabby.models }}
{{- $endpoint := include "platform.edge" . }}
{{- range $part, $kind := dict "chat" "openai/chat" "completion" "openai/completion" "embedding" "openai/embedding" }}
[model.{{ $part }}.http]
kind = {{ $kind | quote }}
model_name = {{ get $models $part | quote }}
api_endpoint = {{ $endpoint | quote }}
api_key = "{{ `{{ index . "api-key" }}` }}"
{{ end }}
{{- end }}
