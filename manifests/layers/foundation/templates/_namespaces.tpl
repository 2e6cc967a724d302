{{/*
The namespaces of the platform:
  podSecurity  the Pod Security level, if not `restricted`
  apiServer    its pods talk to the API server
  webhooks     ports on which the API server calls them
  internet     its pods fetch from outside the cluster
  within       its pods talk to each other
  routes       it may have routes of the Gateway `platform`
  queues       what asks for a GPU there waits in a queue
  tenant       the team whose namespace it is
  callers      namespaces whose pods talk to its own, and on which ports
Who may call our own pods is in the layer that they are of.
*/}}
{{- define "foundation.namespaces" }}
argocd: {apiServer: true, internet: true, within: true}
cert-manager: {apiServer: true, internet: true, webhooks: [10250]}
external-secrets: {apiServer: true, internet: true, webhooks: [10250]}
agentgateway-system:
  apiServer: true
  callers:
    - {namespace: llm-gateway, ports: [9978]}   # proxies fetch their configuration
    - {namespace: platform-gateway, ports: [9978]}
llm-gateway: {}
platform-gateway: {}
serving: {}
edge: {routes: true}   # cert-manager's, for an authority's challenge
serving: {queues: {{ .Values.features.kueue }}}
edge: {}
{{- if .Values.features.prometheus }}
monitoring: {apiServer: true, within: true}
# It reads the node's own files, network and processes, which is what the other levels forbid.
node-exporter: {podSecurity: privileged}
{{- end }}
{{- if .Values.features.opencost }}
opencost: {apiServer: true}
{{- end }}
{{- if eq .Values.gpu.stack "operator" }}
# It loads kernel modules and writes to the node's own folders, which is what the other levels forbid.
gpu-operator: {podSecurity: privileged, apiServer: true, internet: true, within: true}
{{- end }}
{{- if .Values.features.keda }}
keda: {apiServer: true, webhooks: [6443, 9443], within: true}   # and the metrics that HPAs ask for
{{- end }}
{{- if .Values.features.kueue }}
kueue-system: {apiServer: true, webhooks: [8082, 9443]}   # and the list of what waits
{{- range .Values.tenants }}
tenant-{{ . }}: {queues: true, tenant: {{ . }}}
{{- end }}
{{- end }}
{{- end }}
