{{- define "values.gpu-operator" }}
operator:
  # Its definitions have an Application of their own.
  upgradeCRD: false
  resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 512Mi}}
toolkit:
  env:
    - {name: CONTAINERD_CONFIG, value: {{ .Values.gpu.containerd.config }}}
    - {name: CONTAINERD_SOCKET, value: {{ .Values.gpu.containerd.socket }}}
# Its monitor is with all others, in the layer `observability`.
dcgmExporter: {enabled: true, serviceMonitor: {enabled: false}}
{{- end }}
