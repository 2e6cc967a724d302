{{/*
The same pods by KServe, which makes the Deployment NAME-predictor of this, and a Service that nothing
of ours calls. Takes what models.yaml knows of the model.
*/}}
{{- define "serving.inferenceService" }}
{{- if not (regexMatch "^[a-z][a-z0-9-]{0,47}$" .name) }}
{{- fail (printf "models.%s: KServe takes names that begin with a letter and have 48 characters at most" .model) }}
{{- end }}
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {{ .name }}
  namespace: serving
  # KServe gives them to the pods too, which the pool and the network policies know by them.
  labels: {{- include "serving.labels" . | nindent 4 }}
  annotations:
    serving.kserve.io/deploymentMode: Standard
    # Left to itself, KServe would make an autoscaler of its own.
    serving.kserve.io/autoscalerClass: {{ ternary "external" "none" (not (empty (include "serving.scaled" .))) }}
spec:
  predictor:
    {{- if not (include "serving.scaled" .) }}
    minReplicas: {{ include "serving.replicas" . }}
    maxReplicas: {{ include "serving.replicas" . }}
    {{- end }}
    deploymentStrategy: {{- include "serving.strategy" . | nindent 6 }}
    {{- /* The name by which KServe knows the container that serves */}}
    {{- include "serving.pod" (set . "container" "kserve-container") | nindent 4 }}
{{- end }}
