{{/*
Which secrets of the store each namespace may have: by it the store admits a namespace, and the
provider `kubernetes` a secret.
*/}}
{{- define "secrets.readers" }}
serving: [serving-api-key]
{{- if .Values.features.prometheus }}
monitoring:
  - grafana-admin
  {{- if .Values.features.dex }}
  - grafana-client
  {{- end }}
{{- end }}
{{- if .Values.features.dex }}
argocd: [argocd-client]
auth:
  - dex-connector
  - argocd-client
  {{- if .Values.features.prometheus }}
  - grafana-client
  {{- end }}
  {{- if .Values.features.openWebui }}
  - open-webui-client
  {{- end }}
  {{- if .Values.features.n8n }}
  - oauth2-proxy-client
  - oauth2-proxy-cookie
  {{- end }}
{{- end }}
{{- if .Values.features.openWebui }}
open-webui: [tollgate-key-open-webui, open-webui-client, open-webui-session]
{{- end }}
{{- if .Values.features.tabby }}
tabby: [tollgate-key-tabby]
{{- end }}
{{- if .Values.features.n8n }}
n8n: [tollgate-key-n8n, n8n-encryption-key]
{{- end }}
{{- end }}

{{/* All of them, once each. */}}
{{- define "secrets.names" }}
{{- $names := list }}
{{- range include "secrets.readers" . | fromYaml }}{{ $names = concat $names . }}{{ end }}
{{- $names | uniq | sortAlpha | toJson }}
{{- end }}
