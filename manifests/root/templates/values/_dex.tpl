{{- define "values.dex" }}
{{- $identity := .Values.identity }}
{{- if not $identity.connector }}{{ fail "features.dex: identity.connector says who knows the people; there is none" }}{{ end }}
{{- $issuer := printf "https://dex.%s" .Values.domain }}
{{- /* A directory is asked for a password, and sends no one back. */}}
{{- $back := ternary dict (dict "redirectURI" (printf "%s/callback" $issuer)) (eq $identity.connector.type "ldap") }}
fullnameOverride: dex
replicaCount: {{ $identity.replicas }}
# Its CustomResourceDefinitions come in wave -1, so it need not make any.
rbac: {create: true, createClusterScoped: false}
podSecurityContext:
  {{- include "platform.podSecurity" . | nindent 2 }}
  runAsUser: 65532
securityContext: {{- include "platform.containerSecurity" . | nindent 2 }}
resources: {{- toYaml $identity.resources | nindent 2 }}
# Secrets are in the environment, from what the dex layer's ExternalSecrets bring.
envVars:
  - name: CONNECTOR_SECRET
    valueFrom: {secretKeyRef: {name: dex-connector, key: client-secret}}
  {{- range $id, $client := include "platform.clients" . | fromYaml }}
  {{- if not $client.public }}
  - name: {{ include "platform.clientSecret" $id }}
    valueFrom: {secretKeyRef: {name: dex-clients, key: {{ $id }}}}
  {{- end }}
  {{- end }}
config:
  issuer: {{ $issuer }}
  storage: {type: kubernetes, config: {inCluster: true}}
  oauth2: {skipApprovalScreen: true}
  expiry: {idTokens: 1h, signingKeys: 6h}
  logger: {format: json}
  connectors:
    - type: {{ $identity.connector.type }}
      id: {{ $identity.connector.id }}
      name: {{ $identity.connector.name | quote }}
      config: {{- merge $back $identity.connector.config | toYaml | nindent 8 }}
  staticClients:
    {{- range $id, $client := include "platform.clients" . | fromYaml }}
    - id: {{ $id }}
      name: {{ $client.name }}
      {{- if $client.public }}
      public: true
      {{- else }}
      secretEnv: {{ include "platform.clientSecret" $id }}
      redirectURIs: [{{ $client.redirect | quote }}]
      {{- end }}
    {{- end }}
{{- end }}
