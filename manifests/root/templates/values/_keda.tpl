{{- define "values.keda" }}
crds: {install: false}
# It scales Deployments and asks Prometheus, for which it needs no kind of others and no Secret. Left
# to itself it would read the key of each model that it scales, and fail where it may not.
rbac: {enabledCustomScaledRefKinds: false}
permissions: {operator: {restrict: {secret: true}}}
resources:
  operator: {requests: {cpu: 50m, memory: 128Mi}, limits: {memory: 512Mi}}
  metricServer: {requests: {cpu: 20m, memory: 96Mi}, limits: {memory: 256Mi}}
  webhooks: {requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 256Mi}}
{{- end }}
