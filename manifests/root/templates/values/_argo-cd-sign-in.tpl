{{/* What Argo CD needs to sign people in through Dex. Three parts, for three places of its values. */}}

{{- define "argo-cd.cm" }}
# People are known by their group; whoever may reach the cluster by kubectl needs no password here.
admin.enabled: "false"
oidc.config: |
  name: Dex
  issuer: https://dex.{{ .Values.domain }}
  clientID: argocd
  clientSecret: $argocd-sign-in:client-secret
  requestedScopes: [openid, profile, email, groups]
{{- end }}

{{- define "argo-cd.rbac" }}
scopes: "[groups]"
policy.csv: |
  # Its logs and live objects are of all tenants, so members see none.
  {{- range $group, $may := .Values.identity.groups }}
  {{- if eq $may.role "admin" }}
  g, {{ $group }}, role:admin
  {{- end }}
  {{- end }}
{{- end }}

{{/* The authority's certificate, which is not there yet when Argo CD first starts. */}}
{{- define "argo-cd.trust" }}
env:
  - {name: SSL_CERT_DIR, value: "/etc/ssl/certs:/etc/platform-authority"}
volumes:
  - name: platform-authority
    secret: {secretName: platform-authority, optional: true, items: [{key: ca.crt, path: ca.crt}]}
volumeMounts:
  - {name: platform-authority, mountPath: /etc/platform-authority, readOnly: true}
{{- end }}
