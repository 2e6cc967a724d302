{{- define "values.external-secrets" }}
installCRDs: false
processClusterExternalSecret: false
processPushSecret: false
processClusterPushSecret: false
resources: {requests: {cpu: 50m, memory: 128Mi}}
webhook: {resources: {requests: {cpu: 20m, memory: 64Mi}}}
certController: {resources: {requests: {cpu: 20m, memory: 128Mi}}}
{{- end }}
