{{/* The head of an AppProject; takes its name and what it is for. The fence follows. */}}
{{- define "root.project" }}
---
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata:
  name: {{ index . 0 }}
  namespace: argocd
  annotations: {argocd.argoproj.io/sync-wave: "-3"}
spec:
  description: {{ index . 1 }}
{{- end }}

{{/* Namespaces of this cluster, as an AppProject's destinations. */}}
{{- define "root.destinations" }}
{{- range . }}
- {server: https://kubernetes.default.svc, namespace: {{ . | quote }}}
{{- end }}
{{- end }}

{{/* Kinds of an AppProject's whitelist. Takes their names, each of which is here. */}}
{{- define "root.kinds" }}
{{- $groups := include "root.groups" . | fromYaml }}
{{- range . }}
{{- $group := get $groups . }}
{{- if not (hasKey $groups .) }}{{ fail (printf "root.groups: %s is missing" .) }}{{ end }}
- {group: {{ $group | quote }}, kind: {{ . }}}
{{- end }}
{{- end }}

{{- define "root.groups" }}
{{- range $group, $kinds := dict
    "" (list "ConfigMap" "LimitRange" "Namespace" "PersistentVolumeClaim" "ResourceQuota" "Service" "ServiceAccount")
    "admissionregistration.k8s.io" (list "MutatingWebhookConfiguration" "ValidatingAdmissionPolicy"
      "ValidatingAdmissionPolicyBinding" "ValidatingWebhookConfiguration")
    "agentgateway.dev" (list "AgentgatewayBackend" "AgentgatewayParameters" "AgentgatewayPolicy")
    "apiextensions.k8s.io" (list "CustomResourceDefinition")
    "apiregistration.k8s.io" (list "APIService")
    "apps" (list "Deployment")
    "autoscaling" (list "HorizontalPodAutoscaler")
    "cert-manager.io" (list "Certificate" "ClusterIssuer")
    "external-secrets.io" (list "ClusterSecretStore" "ExternalSecret")
    "gateway.networking.k8s.io" (list "Gateway" "HTTPRoute" "ReferenceGrant")
    "inference.networking.k8s.io" (list "InferencePool")
    "inference.networking.x-k8s.io" (list "InferenceObjective")
    "keda.sh" (list "ScaledObject")
    "kueue.x-k8s.io" (list "ClusterQueue" "LocalQueue" "ResourceFlavor")
    "monitoring.coreos.com" (list "PodMonitor" "PrometheusRule" "ServiceMonitor")
    "networking.k8s.io" (list "NetworkPolicy")
    "nvidia.com" (list "ClusterPolicy")
    "policy" (list "PodDisruptionBudget")
    "rbac.authorization.k8s.io" (list "ClusterRole" "ClusterRoleBinding" "Role" "RoleBinding")
    "scheduling.k8s.io" (list "PriorityClass")
    "serving.kserve.io" (list "ClusterStorageContainer" "InferenceService") }}
{{- range $kinds }}
{{ . }}: {{ $group | quote }}
{{- end }}
{{- end }}
{{- end }}
