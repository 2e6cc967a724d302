{{/* What Grafana needs to sign people in through Dex. Two parts, for two places of its values. */}}

{{- define "grafana.ini.sign-in" }}
{{- $issuer := printf "https://dex.%s" .Values.domain }}
auth.generic_oauth:
  enabled: true
  name: Dex
  client_id: grafana
  scopes: openid profile email groups
  use_pkce: true
  auth_url: {{ $issuer }}/auth
  token_url: {{ $issuer }}/token
  api_url: {{ $issuer }}/userinfo
  # Whose group the platform does not know is not let in.
  role_attribute_strict: true
  role_attribute_path: {{ include "grafana.role" . | quote }}
  {{- if eq .Values.certificates.public "platform" }}
  tls_client_ca: /etc/platform-authority/ca.crt
  {{- end }}
{{- end }}

{{/* JMESPath: administrators' groups first, then members'. */}}
{{- define "grafana.role" -}}
{{- $rules := list }}
{{- range $role, $name := dict "admin" "Admin" "member" "Viewer" }}
{{- range $group, $may := $.Values.identity.groups }}
{{- if eq $may.role $role }}{{ $rules = append $rules (printf "contains(groups[*], '%s') && '%s'" $group $name) }}{{ end }}
{{- end }}
{{- end }}
{{- join " || " $rules }}
{{- end }}

{{- define "grafana.sign-in" }}
envValueFrom:
  GF_AUTH_GENERIC_OAUTH_CLIENT_SECRET: {secretKeyRef: {name: grafana-client, key: client-secret}}
{{- if eq .Values.certificates.public "platform" }}
extraSecretMounts:
  - {name: platform-authority, secretName: platform-authority, mountPath: /etc/platform-authority, readOnly: true}
{{- end }}
{{- end }}
