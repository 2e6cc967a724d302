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
