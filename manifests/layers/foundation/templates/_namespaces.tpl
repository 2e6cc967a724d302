{{/*
The namespaces of the platform:
  podSecurity  the Pod Security level, if not `restricted`
  apiServer    its pods talk to the API server
  webhooks     ports on which the API server calls them
  internet     ports on which its pods fetch from outside the cluster
  cloud        its pods ask the cloud's metadata server who they are, and are let into its services
  within       its pods talk to each other
  queues       what asks for a GPU there waits in a queue
  tenant       the team whose namespace it is
  callers      namespaces whose pods talk to its own, and on which ports
  calls        namespaces whose pods its own talk to, and on which ports
  routes       the Gateway `platform` takes its routes, and goes to its pods
  signsIn      its pods ask https://dex.DOMAIN who people are
  edgeClient   its pods ask the edge for models, inside the cluster
Who may call our own pods is in the layer that they are of.
*/}}
{{- define "foundation.namespaces" }}
argocd:
  apiServer: true
  internet: {{ list 443 (include "foundation.port" .Values.git.repository | int) | uniq | toJson }}
  within: true
  {{- if .Values.features.dex }}
  routes: true
  signsIn: true
  callers:
    - {namespace: platform-gateway, ports: [8080]}
  {{- end }}
cert-manager:
  apiServer: true
  internet: [443, 80]   # it asks itself first whether a challenge is answered
  webhooks: [10250]
  cloud: {{ eq (dig "acme" "solver" "" .Values.certificates) "cloudDns" }}
{{- if .Values.features.externalDns }}
external-dns: {apiServer: true, internet: [443], cloud: true}
{{- end }}
external-secrets:
  apiServer: true
  webhooks: [10250]
  {{- if eq .Values.secrets.provider "gcp" }}
  internet: [443]
  cloud: true
  {{- else if eq .Values.secrets.provider "vault" }}
  internet: [{{ include "foundation.port" .Values.secrets.vault.server }}]
  {{- end }}
agentgateway-system:
  apiServer: true
  callers:
    - {namespace: llm-gateway, ports: [9978]}   # proxies fetch their configuration
    - {namespace: platform-gateway, ports: [9978]}
  {{- if .Values.features.mcp }}
  calls:
    - {namespace: auth, ports: [5556]}          # the keys that tokens are signed with
  {{- end }}
llm-gateway: {}
platform-gateway: {}
serving: {queues: {{ .Values.features.kueue }}}
edge: {routes: true}   # cert-manager's, for an authority's challenge
{{- if .Values.features.prometheus }}
monitoring:
  apiServer: true
  within: true
  {{- if .Values.features.dex }}
  routes: true
  signsIn: true
  callers:
    - {namespace: platform-gateway, ports: [3000]}   # Grafana
  {{- end }}
# It reads the node's own files, network and processes, which is what the other levels forbid.
node-exporter: {podSecurity: privileged}
{{- end }}
{{- if .Values.features.opencost }}
opencost:
  apiServer: true
  {{- if .Values.features.mcp }}
  routes: true
  callers:
    - {namespace: platform-gateway, ports: [8081]}   # its MCP server
  {{- end }}
{{- end }}
{{- if eq .Values.gpu.stack "operator" }}
# It loads kernel modules and writes to the node's own folders, which is what the other levels forbid.
gpu-operator: {podSecurity: privileged, apiServer: true, internet: [443, 80], within: true}   # packages of a distribution
{{- end }}
{{- if .Values.features.keda }}
keda: {apiServer: true, webhooks: [6443, 9443], within: true}   # and the metrics that HPAs ask for
{{- end }}
{{- if .Values.features.kserve }}
kserve: {apiServer: true, webhooks: [9443]}
{{- end }}
{{- if .Values.features.kueue }}
kueue-system: {apiServer: true, webhooks: [8082, 9443]}   # and the list of what waits
{{- range .Values.tenants }}
tenant-{{ . }}: {queues: true, tenant: {{ . }}}
{{- end }}
{{- end }}
{{- if .Values.features.dex }}
auth:
  apiServer: true                               # where Dex keeps its state
  internet: [443]                               # whoever knows the people
  signsIn: true
  routes: true
  callers:
    - {namespace: platform-gateway, ports: [5556, 4180]}
    {{- if .Values.features.mcp }}
    - {namespace: agentgateway-system, ports: [5556]}
    {{- end }}
  {{- if .Values.features.n8n }}
  calls:
    - {namespace: n8n, ports: [5678]}           # oauth2-proxy, for whom it has signed in
  {{- end }}
{{- end }}
{{- if .Values.features.openWebui }}
open-webui: {signsIn: true, routes: true, edgeClient: true}
{{- end }}
{{- if .Values.features.tabby }}
tabby: {routes: true, edgeClient: true}
{{- end }}
{{- if .Values.features.n8n }}
n8n: {edgeClient: true}
{{- end }}
{{- if .Values.features.mcp }}
tools: {routes: true}
{{- end }}
{{- end }}

{{/* The port of an address, a Git repository's or a server's. */}}
{{- define "foundation.port" -}}
{{- if not (contains "://" .) -}}22
{{- else -}}
{{- $url := urlParse . }}
{{- $known := dict "http" "80" "https" "443" "ssh" "22" }}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (get $known $url.scheme) }}
{{- end }}
{{- end }}
