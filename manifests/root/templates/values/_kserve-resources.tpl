{{- define "values.kserve-resources" }}
kserve:
  controller:
    # Deployments, not Knative's services: neither Knative nor Istio is here.
    deploymentMode: Standard
    gateway:
      # Requests come by the model's InferencePool; KServe makes no way past it.
      disableIngressCreation: true
      disableIstioVirtualHost: true
    imagePullPolicy: IfNotPresent
    resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {cpu: 500m, memory: 512Mi}}
    rbacProxy: {resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {cpu: 100m, memory: 128Mi}}}
  inferenceservice:
    # What a model server leaves open stays open: KServe would limit it to one CPU.
    resources: {requests: {cpu: "", memory: ""}, limits: {cpu: "", memory: ""}}
{{- end }}
