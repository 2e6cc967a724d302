{{/* The namespaces whose pods ask https://dex.DOMAIN who people are, and have to trust the authority for it. */}}
{{- define "certificates.trusting" -}}
- argocd
{{- if .Values.features.n8n }}
- auth
{{- end }}
{{- if .Values.features.prometheus }}
- monitoring
{{- end }}
{{- if .Values.features.openWebui }}
- open-webui
{{- end }}
{{- end }}
