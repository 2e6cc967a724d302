{{/* Which rules and dashboards there are: those whose series something writes. */}}
{{- define "observability.parts" }}
- edge
- serving
{{- if ne .Values.gpu.stack "none" }}
- gpu
{{- end }}
{{- if .Values.features.opencost }}
- economics
{{- end }}
{{- if and .Values.features.opencost (ne .Values.gpu.stack "none") }}
- idle-gpus
{{- end }}
{{- end }}
