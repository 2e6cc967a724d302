{{- define "values.opencost" }}
{{- $prices := .Values.opencost.prices }}
podSecurityContext: {runAsNonRoot: true, runAsUser: 1001, runAsGroup: 1001, fsGroup: 1001, seccompProfile: {type: RuntimeDefault}}
opencost:
  # The dashboard `economics` shows what it finds.
  ui: {enabled: false}
  # Its tools, where an entry of mcp.servers leads to it.
  mcp: {enabled: {{ .Values.features.mcp }}, port: 8081}
  exporter:
    defaultClusterId: {{ .Values.cluster.name }}
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    resources: {requests: {cpu: 20m, memory: 128Mi}, limits: {memory: 1Gi}}
  prometheus:
    internal: {serviceName: kube-prometheus-stack-prometheus, namespaceName: monitoring, port: 9090}
  customPricing:
    enabled: true
    costModel:
      description: opencost.prices of the cluster's configuration
      CPU: {{ $prices.cpu | quote }}
      spotCPU: {{ $prices.cpu | quote }}
      RAM: {{ $prices.memory | quote }}
      spotRAM: {{ $prices.memory | quote }}
      GPU: {{ $prices.gpu | quote }}
      storage: {{ $prices.storage | quote }}
{{- end }}
