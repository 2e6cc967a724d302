{{/* A model as a plain Deployment. Takes what models.yaml knows of it. */}}
{{- define "serving.deployment" }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  namespace: serving
  labels: {{- include "serving.labels" . | nindent 4 }}
spec:
  {{- if not (include "serving.scaled" .) }}
  replicas: {{ include "serving.replicas" . }}
  {{- end }}
  # A cold start is no failure of the rollout.
  progressDeadlineSeconds: {{ add (include "platform.coldStart" .spec) 300 }}
  strategy: {{- include "serving.strategy" . | nindent 4 }}
  selector:
    matchLabels: {app.kubernetes.io/name: vllm, tollgate.dev/model: {{ .name }}}
  template:
    metadata:
      labels: {{- include "serving.labels" . | nindent 8 }}
    spec: {{- include "serving.pod" (set . "container" "vllm") | nindent 6 }}
{{- end }}
