{{/* Which rules and dashboards there are: those whose series something writes. */}}
{{- define "observability.parts" }}
- edge
- serving
{{- if include "observability.gpus" . }}
- gpu
{{- end }}
{{- if .Values.features.opencost }}
- economics
{{- end }}
{{- if and .Values.features.opencost (include "observability.gpus" .) }}
- idle-gpus
{{- end }}
{{- end }}

{{/* The namespace of what tells of GPUs: the GPU Operator's, or GKE's own; empty without either. */}}
{{- define "observability.gpus" -}}
{{- $models := list }}
{{- range .Values.models }}{{ $models = append $models .accelerator }}{{ end }}
{{- if .Values.features.gpuOperator }}gpu-operator
{{- else if and .Values.cluster.gcpProject (has "nvidia" $models) }}gke-managed-system
{{- end }}
{{- end }}
