{{- define "values.kube-prometheus-stack" }}
crds: {enabled: false}
# Alerts are not sent anywhere yet.
alertmanager: {enabled: false}
# The cloud's business, or k3s' own process; their ports are closed to pods.
kubeApiServer: {enabled: false}
kubeControllerManager: {enabled: false}
kubeScheduler: {enabled: false}
kubeEtcd: {enabled: false}
kubeProxy: {enabled: false}
coreDns: {enabled: false}
prometheusOperator:
  # Rules are checked before they are merged: no webhook, and no certificate for one.
  admissionWebhooks: {enabled: false}
  tls: {enabled: false}
  resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {memory: 256Mi}}
prometheus:
  prometheusSpec:
    # The layer's monitors and rules beside this chart's own. From no other namespace: a monitor may
    # have Prometheus show its token to whom it names.
    serviceMonitorSelectorNilUsesHelmValues: false
    podMonitorSelectorNilUsesHelmValues: false
    ruleSelectorNilUsesHelmValues: false
    serviceMonitorNamespaceSelector: &own
      matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [monitoring, node-exporter]}]
    podMonitorNamespaceSelector: *own
    ruleNamespaceSelector: *own
    externalLabels: {cluster: {{ .Values.cluster.name }}}
    retention: {{ .Values.prometheus.retention }}
    storageSpec:
      volumeClaimTemplate:
        spec:
          accessModes: [ReadWriteOnce]
          resources: {requests: {storage: {{ .Values.prometheus.storage }}}}
    resources: {{- toYaml .Values.prometheus.resources | nindent 6 }}
kube-state-metrics:
  # What tells a model's pods, and the kind of a node's GPU.
  metricLabelsAllowlist:
    - pods=[tollgate.dev/model,app.kubernetes.io/name]
    - nodes=[cloud.google.com/gke-accelerator,nvidia.com/gpu.product]
  resources: {requests: {cpu: 20m, memory: 128Mi}, limits: {memory: 512Mi}}
prometheus-node-exporter:
  namespaceOverride: node-exporter
  resources: {requests: {cpu: 20m, memory: 32Mi}, limits: {memory: 128Mi}}
grafana:
  {{- include "values.grafana" . | nindent 2 }}
{{- end }}

{{/* Grafana keeps nothing: dashboards are in Git, and so is all of its configuration. */}}
{{- define "values.grafana" -}}
admin: {existingSecret: grafana-admin, userKey: user, passwordKey: password}
# It reads its own namespace's dashboards, and no one's secrets elsewhere.
rbac: {namespaced: true}
sidecar:
  dashboards: {searchNamespace: monitoring, resource: configmap, folderAnnotation: grafana_folder, provider: {foldersFromFilesStructure: true}}
  datasources: {searchNamespace: monitoring, resource: configmap, alertmanager: {enabled: false}}
  resources: {requests: {cpu: 10m, memory: 96Mi}, limits: {memory: 256Mi}}
testFramework: {enabled: false}
resources: {requests: {cpu: 50m, memory: 256Mi}, limits: {memory: 512Mi}}
grafana.ini:
  server: {root_url: https://grafana.{{ .Values.domain }}}
  analytics: {check_for_updates: false, check_for_plugin_updates: false, reporting_enabled: false}
  security: {cookie_secure: true, disable_gravatar: true}
  {{- if .Values.features.dex }}
  {{- include "grafana.ini.sign-in" . | nindent 2 }}
{{- include "grafana.sign-in" . }}
  {{- end }}
{{- end }}
