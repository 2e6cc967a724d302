{{/*
What Prometheus scrapes. Three objects come of each entry: a monitor, the policy that lets Prometheus
in at the target's end, and the one that lets it out at its own.
  namespace, pods  where it runs, and the labels of its pods
  port             the container's
  path             if not /metrics
  interval         if not that of all
  service          the labels of its Service, where Prometheus has to show its token: only a
                   ServiceMonitor can send that
  https            its certificate is nobody's: what Prometheus asks for is no secret
  honorLabels      `namespace` and `pod` of its series are those that it speaks of, not its own
  model            its series say `model_name`; they get `model`, as the edge's have it, and `pool`,
                   the name that all objects of a model have
  managed          the cloud's own namespace, which has no policy of ours
*/}}
{{- define "observability.targets" }}
{{- $features := .Values.features }}
edge: {namespace: edge, pods: {app.kubernetes.io/name: tollgate-edge}, port: 9090, path: /stats/prometheus}
vllm: {namespace: serving, pods: {app.kubernetes.io/name: vllm}, port: 8000, interval: 15s, model: true}
endpoint-picker:
  namespace: serving
  pods: {app.kubernetes.io/name: endpoint-picker}
  port: 9090
  # What wakes a model is read here.
  interval: 5s
  model: true
agentgateway: {namespace: agentgateway-system, pods: {app.kubernetes.io/name: agentgateway}, port: 9092}
llm-gateway: {namespace: llm-gateway, pods: {gateway.networking.k8s.io/gateway-name: llm}, port: 15020}
platform-gateway: {namespace: platform-gateway, pods: {gateway.networking.k8s.io/gateway-name: platform}, port: 15020}
cert-manager: {namespace: cert-manager, pods: {app.kubernetes.io/instance: cert-manager}, port: 9402}
argocd-application-controller: {namespace: argocd, pods: {app.kubernetes.io/name: argocd-application-controller}, port: 8082}
argocd-server: {namespace: argocd, pods: {app.kubernetes.io/name: argocd-server}, port: 8083}
argocd-repo-server: {namespace: argocd, pods: {app.kubernetes.io/name: argocd-repo-server}, port: 8084}
{{- if $features.kueue }}
kueue:
  namespace: kueue-system
  pods: {app.kubernetes.io/name: kueue}
  service: {app.kubernetes.io/name: kueue, app.kubernetes.io/component: metrics-service}
  port: 8443
  https: true
{{- end }}
{{- if eq .Values.gpu.stack "operator" }}
dcgm: {namespace: gpu-operator, pods: {app: nvidia-dcgm-exporter}, port: 9400, interval: 15s}
{{- else if eq .Values.gpu.stack "managed" }}
dcgm:
  namespace: gke-managed-system
  pods: {app.kubernetes.io/name: gke-managed-dcgm-exporter}
  port: 9400
  interval: 15s
  managed: true
{{- end }}
{{- if $features.opencost }}
opencost: {namespace: opencost, pods: {app.kubernetes.io/name: opencost}, port: 9003, honorLabels: true}
{{- end }}
{{- end }}

{{/* Prometheus' pods, as a policy's peer. */}}
{{- define "observability.prometheus" -}}
namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}
podSelector: {matchLabels: {app.kubernetes.io/name: prometheus}}
{{- end }}
