{{/*
Who signs people in through Dex: each client's name, and where it takes them back. A client that is
`public` has no secret, and may take them back to the machine that they sit at. The dex layer links
to this file.
*/}}
{{- define "platform.clients" }}
argocd: {name: Argo CD, redirect: "https://argocd.{{ .Values.domain }}/auth/callback"}
{{- if .Values.features.prometheus }}
grafana: {name: Grafana, redirect: "https://grafana.{{ .Values.domain }}/login/generic_oauth"}
{{- end }}
{{- if .Values.features.openWebui }}
open-webui: {name: Open WebUI, redirect: "https://chat.{{ .Values.domain }}/oauth/oidc/callback"}
{{- end }}
{{- if .Values.features.n8n }}
oauth2-proxy: {name: n8n, redirect: "https://n8n.{{ .Values.domain }}/oauth2/callback"}
{{- end }}
{{- if .Values.features.mcp }}
mcp: {name: Tools, public: true}
{{- end }}
{{- end }}

{{/* The environment variable of Dex that has a client's secret. */}}
{{- define "platform.clientSecret" -}}
{{ . | upper | replace "-" "_" }}_SECRET
{{- end }}
