{{- define "values.oauth2-proxy" }}
{{- $identity := .Values.identity }}
{{- if not $identity.groups }}{{ fail "features.n8n: identity.groups is empty: oauth2-proxy would let in everyone whom the connector knows" }}{{ end }}
{{- $host := printf "n8n.%s" .Values.domain }}
replicaCount: {{ $identity.replicas }}
podDisruptionBudget: {enabled: {{ gt (int $identity.replicas) 1 }}}
serviceAccount: {automountServiceAccountToken: false}
resources: {{- toYaml $identity.resources | nindent 2 }}
config:
  existingSecret: oauth2-proxy
  requiredSecretKeys: [cookie-secret]
  cookieName: __Host-sign-in        # for this host alone: no other application is sent it
  configFile: |
    redirect_url = "https://{{ $host }}/oauth2/callback"
    email_domains = ["*"]
    cookie_secure = true
    cookie_samesite = "lax"
    cookie_expire = "8h"
    session_cookie_minimal = true
    skip_provider_button = true
    {{- if .Values.n8n.webhooks }}
    skip_auth_routes = ["^/webhook/"]
    {{- end }}
extraVolumes:
  - name: client
    secret: {secretName: oauth2-proxy, items: [{key: client-secret, path: client-secret}]}
  {{- if eq $.Values.certificates.public "platform" }}
  - name: platform-authority
    secret: {secretName: platform-authority, items: [{key: ca.crt, path: ca.crt}]}
  {{- end }}
extraVolumeMounts:
  - {name: client, mountPath: /etc/client, readOnly: true}
  {{- if eq $.Values.certificates.public "platform" }}
  - {name: platform-authority, mountPath: /etc/platform-authority, readOnly: true}
  {{- end }}
alphaConfig:
  enabled: true
  configData:
    providers:
      - id: dex
        provider: oidc
        clientID: oauth2-proxy
        clientSecretFile: /etc/client/client-secret
        scope: openid profile email groups
        code_challenge_method: S256
        allowedGroups: {{ keys $identity.groups | sortAlpha | toJson }}
        oidcConfig:
          issuerURL: https://dex.{{ .Values.domain }}
          insecureSkipNonce: false
          emailClaim: email
          groupsClaim: groups
          audienceClaims: [aud]
        {{- if eq $.Values.certificates.public "platform" }}
        caFiles: [/etc/platform-authority/ca.crt]
        {{- end }}
    upstreamConfig:
      upstreams:
        - id: n8n
          path: /
          uri: http://n8n.n8n.svc.cluster.local:5678
          timeout: {{ .Values.edge.streamTimeoutSeconds }}s
    # Set from the session, and from nothing else: what a client sends by these names is dropped.
    injectRequestHeaders:
      {{- range $header, $claim := dict "User" "user" "Email" "email" "Groups" "groups" "Preferred-Username" "preferred_username" }}
      {{- range list "X-Auth-Request" "X-Forwarded" }}
      - {name: {{ . }}-{{ $header }}, values: [{claimSource: {claim: {{ $claim }}}}]}
      {{- end }}
      {{- end }}
{{- end }}
