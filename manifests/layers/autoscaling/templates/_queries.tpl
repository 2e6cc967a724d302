{{/*
What KEDA asks Prometheus of a model. Both take the names of its `pool` and its `deployment`, and both
answer with nothing as soon as something that they count by is not measured; KEDA then changes nothing.
*/}}

{{/*
Why the model should be awake: requests that its picker holds, which there are without any pod, and
pods that are wanted and not yet ready. Without those, a model whose clients have all given up would
go back to sleep in the middle of its cold start, and never wake.
*/}}
{{- define "autoscaling.waking" -}}
(
  (sum(inference_extension_flow_control_queue_size{namespace="serving", pool="{{ .pool }}"}) or vector(0))
  + clamp_min(
    sum(kube_deployment_spec_replicas{namespace="serving", deployment="{{ .deployment }}"})
    - sum(kube_deployment_status_replicas_ready{namespace="serving", deployment="{{ .deployment }}"}), 0)
)
and (min(up{namespace="serving", pool="{{ .pool }}", container="endpoint-picker"}) == 1)
{{- end }}

{{/* Requests in its pods, all of which are scraped. */}}
{{- define "autoscaling.load" -}}
(
  sum(vllm:num_requests_running{namespace="serving", pool="{{ .pool }}"})
  + sum(vllm:num_requests_waiting{namespace="serving", pool="{{ .pool }}"})
  or vector(0)
)
and (
  (count(up{namespace="serving", pool="{{ .pool }}", container=~"vllm|kserve-container"} == 1) or vector(0))
  >= sum(kube_deployment_status_replicas_ready{namespace="serving", deployment="{{ .deployment }}"})
)
{{- end }}
