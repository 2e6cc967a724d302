{{/*
What a model's pods are, whoever makes them: a Deployment of ours or KServe. Each of these takes a
dictionary with `root`, `model` and `spec`, the model's name and entry in the values, and `name`, the
name of its objects; serving.pod takes `container` besides, the name of the one that serves.
*/}}
{{- define "serving.pod" -}}
automountServiceAccountToken: false
securityContext:
  {{- include "platform.podSecurity" . | nindent 2 }}
  runAsUser: 2000
  runAsGroup: 2000
  fsGroup: 2000
# Streams that run when the pod is told to go may end.
terminationGracePeriodSeconds: {{ add .root.Values.edge.streamTimeoutSeconds 30 }}
{{- if eq .spec.accelerator "nvidia" }}
{{- $kind := get .root.Values.gpu.kinds .spec.gpu | required (printf "models.%s.gpu: there is no gpu.kinds.%s" .model .spec.gpu) }}
nodeSelector: {{- toYaml $kind.nodeLabels | nindent 2 }}
tolerations:
  - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}
{{- end }}
containers:
  - name: {{ .container }}
    image: {{ include "platform.image" (get .root.Values.images (ternary "vllm" "vllm-cpu" (eq .spec.accelerator "nvidia"))) }}
    args:
      # The image runs `vllm serve`, whose option --model is to go.
      - /weights/models
      - --served-model-name={{ .model }}
      - --port=8000
      - --max-model-len={{ .spec.contextLength }}
      - --enable-prefix-caching
      - --enable-chunked-prefill
      - --enable-prompt-tokens-details
      - --shutdown-timeout={{ .root.Values.edge.streamTimeoutSeconds }}
      {{- range .spec.args }}
      {{- include "serving.refuseOwned" (dict "model" $.model "argument" .) }}
      - {{ . | quote }}
      {{- end }}
    env:
      - {name: HF_HUB_OFFLINE, value: "1"}
      - {name: HOME, value: /home/vllm}
      - {name: USER, value: vllm}
      {{- if eq .spec.accelerator "cpu" }}
      - {name: VLLM_CPU_KVCACHE_SPACE, value: "1"}
      - {name: VLLM_CPU_OMP_THREADS_BIND, value: nobind}
      {{- end }}
      - name: VLLM_API_KEY
        valueFrom: {secretKeyRef: {name: serving-api-key, key: api-key}}
    ports:
      - {name: http, containerPort: 8000}
    # /health answers once the weights are loaded and the engine is warm.
    startupProbe:
      httpGet: {path: /health, port: http}
      periodSeconds: 10
      failureThreshold: {{ div (add (include "platform.coldStart" .spec) 9) 10 }}
    readinessProbe:
      httpGet: {path: /health, port: http}
      periodSeconds: 5
    livenessProbe:
      httpGet: {path: /health, port: http}
      periodSeconds: 10
      failureThreshold: 6
    lifecycle:
      # The picker and the gateway forget the pod before it stops to listen.
      preStop: {sleep: {seconds: 15}}
    resources: {{- toYaml .spec.resources | nindent 6 }}
    securityContext: {{- include "platform.containerSecurity" . | nindent 6 }}
    volumeMounts:
      - {name: weights, mountPath: /weights, readOnly: true}
      - {name: shared-memory, mountPath: /dev/shm}
      - {name: home, mountPath: /home/vllm}
      - {name: tmp, mountPath: /tmp}
volumes:
  - name: weights
    image: {reference: {{ include "platform.image" .spec.weights | quote }}, pullPolicy: IfNotPresent}
  - name: shared-memory
    emptyDir: {medium: Memory, sizeLimit: {{ .spec.sharedMemory | default "512Mi" }}}
  - name: home
    emptyDir: {}
  - name: tmp
    emptyDir: {}
{{- end }}

{{/*
What the layer sets, or what would take a server out of its place, is nobody else's: by its name, by
`--no-`, or shortened, as vLLM takes it. Takes `model` and `argument`.
*/}}
{{- define "serving.refuseOwned" -}}
{{- $owned := list "model" "served-model-name" "port" "host" "uds" "api-key" "max-model-len" "config" "root-path" "middleware" "headless"
      "enable-prefix-caching" "enable-chunked-prefill" "enable-prompt-tokens-details" "shutdown-timeout"
      "ssl-keyfile" "ssl-certfile" "ssl-ca-certs" "ssl-cert-reqs" }}
{{- $flag := splitList "=" .argument | first | trimPrefix "--" | trimPrefix "no-" }}
{{- range $owned }}
{{- if hasPrefix $flag . }}{{ fail (printf "models.%s.args: %s: the layer sets --%s" $.model $.argument .) }}{{ end }}
{{- end }}
{{- end }}

{{- define "serving.labels" -}}
{{ include "platform.labels" (dict "name" "vllm" "part" "serving") }}
tollgate.dev/model: {{ .name }}
{{- if and .root.Values.features.kueue (eq .spec.accelerator "nvidia") }}
kueue.x-k8s.io/queue-name: serving
{{- end }}
{{- end }}

{{/* Not empty when KEDA says how many pods there are. */}}
{{- define "serving.scaled" -}}
{{ if and .root.Values.features.keda .spec.scaling }}true{{ end }}
{{- end }}

{{- define "serving.replicas" -}}
{{ .spec.replicas | default (max 1 (dig "scaling" "min" 0 .spec)) }}
{{- end }}

{{- define "serving.strategy" -}}
{{- $most := ternary (dig "scaling" "max" 1 .spec) (include "serving.replicas" .) (not (empty (include "serving.scaled" .))) | int }}
{{- if .spec.surge -}}
{type: RollingUpdate, rollingUpdate: {maxSurge: {{ .spec.surge }}, maxUnavailable: 0}}
{{- else if gt $most 1 -}}
# One after the other: a pod more would wait for GPUs that are not there.
type: RollingUpdate
rollingUpdate: {maxSurge: 0, maxUnavailable: 1}
{{- else -}}
# A second pod would wait for a second GPU, or for memory that a laptop has not got.
type: Recreate
{{- end }}
{{- end }}
