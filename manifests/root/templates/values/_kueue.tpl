{{- define "values.kueue" }}
controllerManager:
  manager:
    resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {cpu: "2", memory: 512Mi}}
managerConfig:
  controllerManagerConfigYaml: |
    apiVersion: config.kueue.x-k8s.io/v1beta2
    kind: Configuration
    health: {healthProbeBindAddress: ":8081"}
    metrics: {bindAddress: ":8443", enableClusterQueueResources: true}
    webhook: {port: 9443}
    leaderElection: {leaderElect: true, resourceName: c1f6bfd2.kueue.x-k8s.io}
    # Its webhooks refuse pods, Deployments and Jobs while it is not there to answer. They are asked in
    # these namespaces alone, so that nothing else waits for it, itself least of all.
    managedJobsNamespaceSelector:
      matchLabels: {platform.tollgate.dev/queues: "true"}
    # What is counted is GPUs; of the rest there is as much as there are nodes.
    resources: {excludeResourcePrefixes: [cpu, memory, ephemeral-storage]}
    integrations: {frameworks: [batch/job, pod, deployment, statefulset]}
{{- end }}
