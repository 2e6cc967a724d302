{{- define "values.cert-manager" }}
crds: {enabled: false}
config:
  apiVersion: controller.config.cert-manager.io/v1alpha1
  kind: ControllerConfiguration
  enableGatewayAPI: true
acmesolver:
  image:
    {{- with index .Values.images "acme-solver" }}
    repository: {{ .repository }}
    {{- if .digest }}
    digest: {{ .digest }}
    {{- else }}
    tag: {{ .tag }}
    {{- end }}
    {{- end }}
resources: {requests: {cpu: 50m, memory: 128Mi}}
webhook: {resources: {requests: {cpu: 20m, memory: 64Mi}}}
cainjector: {resources: {requests: {cpu: 20m, memory: 128Mi}}}
{{- end }}
