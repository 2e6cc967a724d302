{{/*
Who may call which tool, as CEL: one rule for each team of each server. A tool that no rule names is
neither listed nor called. `jwt` is Dex's token, whose groups are the connector's.
*/}}
{{- define "tools.rules" }}
{{- range $server, $spec := .Values.mcp.servers }}
{{- range $team, $tools := $spec.tools }}
{{- $groups := list }}
{{- range $group, $may := $.Values.identity.groups }}
{{- if eq ($may.team | default "") $team }}{{ $groups = append $groups $group }}{{ end }}
{{- end }}
{{- if not $groups }}{{ fail (printf "mcp.servers.%s.tools: no group of identity.groups is of the team %s" $server $team) }}{{ end }}
- >-
  mcp.tool.target == {{ $server | quote }}
  && mcp.tool.name in {{ $tools | toJson }}
  && jwt.groups.exists(group, group in {{ $groups | sortAlpha | toJson }})
{{- end }}
{{- end }}
{{- end }}
