{{/* The values of others' charts: one block per chart, in the order of the waves. */}}

{{- define "values.cert-manager" }}
crds: {enabled: false}
config:
  apiVersion: controller.config.cert-manager.io/v1alpha1
  kind: ControllerConfiguration
  enableGatewayAPI: true
resources: {requests: {cpu: 50m, memory: 128Mi}}
webhook: {resources: {requests: {cpu: 20m, memory: 64Mi}}}
cainjector: {resources: {requests: {cpu: 20m, memory: 128Mi}}}
{{- end }}

{{- define "values.external-secrets" }}
installCRDs: false
processClusterExternalSecret: false
processPushSecret: false
resources: {requests: {cpu: 50m, memory: 128Mi}}
webhook: {resources: {requests: {cpu: 20m, memory: 64Mi}}}
certController: {resources: {requests: {cpu: 20m, memory: 128Mi}}}
{{- end }}

{{- define "values.agentgateway" }}
# Without it a route to an InferencePool is refused.
inferenceExtension: {enabled: true}
controller:
  xds: {mode: tls}
resources: {requests: {cpu: 100m, memory: 256Mi}}
{{- end }}
