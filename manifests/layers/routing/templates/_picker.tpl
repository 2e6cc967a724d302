{{/*
How an endpoint picker scores the pods of its pool, and how long it holds a request that no pod can
take yet. Flow control queues a request before it looks for a pod, so one that meets an empty pool
waits there too.
*/}}
{{- define "routing.picker" -}}
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
featureGates: [flowControl]
plugins:
  - type: queue-scorer
  - type: kv-cache-utilization-scorer
  - type: prefix-cache-scorer
  - type: max-score-picker
  - type: single-profile-handler
  - type: utilization-detector
saturationDetector: {pluginRef: utilization-detector}
flowControl:
  defaultRequestTTL: {{ .Values.picker.holdSeconds }}s
schedulingProfiles:
  - name: default
    plugins:
      - {pluginRef: queue-scorer, weight: 2}
      - {pluginRef: kv-cache-utilization-scorer, weight: 2}
      - {pluginRef: prefix-cache-scorer, weight: 3}
      - {pluginRef: max-score-picker}
{{- end }}
