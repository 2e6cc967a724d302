{{- define "values.argo-cd" }}
global:
  domain: argocd.{{ .Values.domain }}
# Its Helm hook waits for ever when Argo CD applies its own chart; the Secret argocd-redis has to be there before it.
redisSecretInit: {enabled: false}
dex: {enabled: false}
notifications: {enabled: false}
applicationSet: {replicas: 0}
crds: {install: true, keep: true}
controller: {resources: {requests: {cpu: 250m, memory: 512Mi}}}
server:
  resources: {requests: {cpu: 50m, memory: 128Mi}}
  {{- if and .Values.features.dex (eq .Values.certificates.public "platform") }}
  {{- include "argo-cd.trust" . | nindent 2 }}
  {{- end }}
repoServer: {resources: {requests: {cpu: 100m, memory: 256Mi}}}
redis: {resources: {requests: {cpu: 50m, memory: 64Mi}}}
configs:
  params:
    # TLS ends at the edge.
    server.insecure: true
  cm:
    application.resourceTrackingMethod: annotation
    {{- if .Values.features.dex }}
    {{- include "argo-cd.cm" . | nindent 4 }}
    {{- end }}
    # The built-in check of Application was removed in Argo CD 1.8: without this one a wave of
    # Applications counts as healthy as soon as it exists.
    resource.customizations.health.argoproj.io_Application: |
      {{- include "health.application" . | nindent 6 }}
    resource.customizations.health.gateway.networking.k8s.io_GatewayClass: |
      {{- include "health.condition" "Accepted" | nindent 6 }}
    resource.customizations.health.inference.networking.k8s.io_InferencePool: |
      {{- include "health.parents" (dict "list" "parents" "types" (list "Accepted" "ResolvedRefs")) | nindent 6 }}
    resource.customizations.health.agentgateway.dev_AgentgatewayPolicy: |
      {{- include "health.parents" (dict "list" "ancestors" "types" (list "Accepted" "Attached")) | nindent 6 }}
    resource.customizations.health.agentgateway.dev_AgentgatewayBackend: |
      {{- include "health.condition" "Accepted" | nindent 6 }}
    {{- if eq .Values.gpu.stack "operator" }}
    resource.customizations.health.nvidia.com_ClusterPolicy: |
      local state = obj.status ~= nil and obj.status.state or "not yet seen by its controller"
      return { status = state == "ready" and "Healthy" or "Progressing", message = state }
    {{- end }}
    {{- if .Values.features.kueue }}
    resource.customizations.health.kueue.x-k8s.io_ClusterQueue: |
      {{- include "health.condition" "Active" | nindent 6 }}
    resource.customizations.health.kueue.x-k8s.io_LocalQueue: |
      {{- include "health.condition" "Active" | nindent 6 }}
    {{- end }}
    {{- if .Values.features.kserve }}
    resource.customizations.health.serving.kserve.io_InferenceService: |
      {{- include "health.inferenceService" . | nindent 6 }}
    {{- end }}
  rbac:
    policy.default: ""
    {{- if .Values.features.dex }}
    {{- include "argo-cd.rbac" . | nindent 4 }}
    {{- end }}
{{- end }}
