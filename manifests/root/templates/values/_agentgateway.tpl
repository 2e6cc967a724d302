{{- define "values.agentgateway" }}
# Without it a route to an InferencePool is refused.
inferenceExtension: {enabled: true}
controller:
  xds: {mode: tls}
resources: {requests: {cpu: 100m, memory: 256Mi}}
{{- end }}
