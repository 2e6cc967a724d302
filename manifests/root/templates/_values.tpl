{{/* The values of others' charts: one block per chart, in the order of the waves. */}}

{{- define "values.cert-manager" }}
crds: {enabled: false}
config:
  apiVersion: controller.config.cert-manager.io/v1alpha1
  kind: ControllerConfiguration
  enableGatewayAPI: true
{{- end }}

{{- define "values.external-secrets" }}
installCRDs: false
processClusterExternalSecret: false
processPushSecret: false
{{- end }}

{{- define "values.agentgateway" }}
# Without it a route to an InferencePool is refused.
inferenceExtension: {enabled: true}
controller:
  xds: {mode: tls}
{{- end }}
