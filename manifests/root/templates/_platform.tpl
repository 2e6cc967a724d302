{{/* What all of our charts share. Every layer's chart links to this file. */}}

{{/* An image reference: by digest where it is known. Takes a map with repository, tag, digest. */}}
{{- define "platform.image" -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag }}{{ end }}
{{- end }}

{{/* The labels of an object. Takes `name`, what it is, and `part`, the layer. */}}
{{- define "platform.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/part-of: {{ .part }}
app.kubernetes.io/managed-by: argocd
{{- end }}

{{/* What `restricted` Pod Security asks of a pod, and of a container. */}}
{{- define "platform.podSecurity" -}}
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "platform.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* The name of a model's objects: its own, with what a Kubernetes name may not hold replaced. */}}
{{- define "platform.modelName" -}}
{{ . | lower | replace "." "-" | replace "_" "-" | replace "/" "-" }}
{{- end }}

{{/* The first labels of the platform's host names, as a list: what stands before `domain`. */}}
{{- define "platform.hosts" -}}
- api
{{- end }}
