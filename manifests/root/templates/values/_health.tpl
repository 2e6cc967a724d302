{{/*
Its own health, once that speaks of what Git has now: an Application that has not been synced yet is
called healthy when the few objects that it finds are. One that has done what it could holds nobody up,
such as one that waits for a person to confirm a removal.
*/}}
{{- define "health.application" -}}
local status = obj.status or {}
local operation = status.operationState or {}
local health = status.health or {}
if health.status == nil or status.history == nil then
  return { status = "Progressing", message = "not synced yet" }
end
local compared = status.sync or {}
if compared.status == "OutOfSync" then
  local tried = (operation.syncResult or {}).revisions or {}
  for i, revision in ipairs(compared.revisions or {}) do
    if tried[i] ~= revision then
      return { status = "Progressing", message = "not synced yet to " .. revision }
    end
  end
end
return { status = health.status, message = health.message or "" }
{{- end }}

{{/* Healthy when the object's own condition of this type is True for its present generation. */}}
{{- define "health.condition" -}}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    if condition.type == {{ . | quote }} then
      if condition.observedGeneration ~= nil and condition.observedGeneration ~= obj.metadata.generation then
        return { status = "Progressing", message = "not yet seen by its controller" }
      end
      if condition.status == "True" then return { status = "Healthy", message = condition.message } end
      if condition.status == "False" then return { status = "Degraded", message = condition.message } end
    end
  end
end
return { status = "Progressing", message = "waiting for {{ . }}" }
{{- end }}

{{/*
Healthy when, for every parent that the status lists, the conditions of these types that are there
are True, and there is a parent at all. Takes `list`, the name of the status' list, and `types`.
*/}}
{{- define "health.parents" -}}
local wanted = { {{- range .types }} [{{ . | quote }}] = true, {{- end }} }
if obj.status == nil or obj.status.{{ .list }} == nil or #obj.status.{{ .list }} == 0 then
  return { status = "Progressing", message = "no controller has taken it yet" }
end
for _, parent in ipairs(obj.status.{{ .list }}) do
  for _, condition in ipairs(parent.conditions or {}) do
    if wanted[condition.type] and condition.status == "False" then
      return { status = "Degraded", message = condition.message }
    end
    if wanted[condition.type] and condition.status ~= "True" then
      return { status = "Progressing", message = condition.message }
    end
  end
end
return { status = "Healthy", message = "" }
{{- end }}

{{/*
Of an InferenceService. Argo CD's own check calls one Progressing for as long as no model is loaded,
which a model that sleeps would be for ever; this one asks whether its Deployment is as it should be.
A model that still loads is not Ready, and no failure.
*/}}
{{- define "health.inferenceService" -}}
local status = obj.status or {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Ready" and condition.status == "True" then
    return { status = "Healthy", message = "" }
  end
end
local transition = (status.modelStatus or {}).transitionStatus
if transition == "InvalidSpec" or transition == "BlockedByFailedLoad" then
  return { status = "Degraded", message = transition }
end
return { status = "Progressing", message = "waiting for Ready" }
{{- end }}
