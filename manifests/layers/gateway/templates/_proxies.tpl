{{/*
A Gateway of agentgateway and what its proxies need. They take requests from the tenant edge alone:
a network policy says so, and the client certificate that the listener asks for. Takes:
  root       the chart's scope
  name       of the Gateway
  namespace  of its proxies
  routes     labels of the namespaces whose routes it takes
  streams    the longest stream, in seconds
*/}}
{{- define "gateway.proxies" }}
{{- $labels := dict "app.kubernetes.io/part-of" "gateway" | toJson }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels: {{ $labels }}
spec:
  gatewayClassName: agentgateway
  infrastructure:
    parametersRef: {group: agentgateway.dev, kind: AgentgatewayParameters, name: {{ .name }}}
  tls:
    frontend:
      default:
        validation:
          mode: AllowValidOnly
          caCertificateRefs:
            - {group: "", kind: Secret, name: {{ .name }}-gateway-tls}
  listeners:
    - name: edge
      port: 8443
      protocol: HTTPS
      tls:
        mode: Terminate
        certificateRefs:
          - {group: "", kind: Secret, name: {{ .name }}-gateway-tls}
      allowedRoutes:
        namespaces:
          from: Selector
          selector: {matchLabels: {{ .routes | toJson }}}
---
apiVersion: agentgateway.dev/v1alpha1
kind: AgentgatewayParameters
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels: {{ $labels }}
spec:
  logging: {format: json}
  resources: {{- toYaml .root.Values.gateway.resources | nindent 4 }}
  # A stream may take as long as the edge allows; only then is the proxy gone.
  shutdown: {min: 15, max: {{ add .streams 15 }}}
  service:
    spec: {type: ClusterIP}
  deployment:
    spec:
      replicas: {{ .root.Values.gateway.replicas }}
      template:
        spec:
          priorityClassName: request-path
          terminationGracePeriodSeconds: {{ add .streams 30 }}
  podDisruptionBudget:
    spec: {maxUnavailable: 1}
---
# The edge's name for the proxies. Headless: one HTTP/2 connection to a cluster address would pin
# one proxy, so the edge resolves them all.
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}-proxies
  namespace: {{ .namespace }}
  labels: {{ $labels }}
spec:
  clusterIP: None
  selector: {gateway.networking.k8s.io/gateway-name: {{ .name }}}
  ports:
    - {name: https, port: 8443, targetPort: 8443, appProtocol: https}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ .name }}-gateway
  namespace: {{ .namespace }}
  labels: {{ $labels }}
  annotations: {argocd.argoproj.io/sync-wave: "-1"}
spec:
  secretName: {{ .name }}-gateway-tls
  dnsNames: [{{ .name }}-proxies.{{ .namespace }}.svc.cluster.local]
  usages: [server auth]
  {{- include "platform.certificateTerms" . | nindent 2 }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: proxies
  namespace: {{ .namespace }}
  labels: {{ $labels }}
spec:
  podSelector: {matchLabels: {gateway.networking.k8s.io/gateway-name: {{ .name }}}}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: edge}}
          podSelector: {matchLabels: {app.kubernetes.io/name: tollgate-edge}}
      ports:
        - {protocol: TCP, port: 8443}
  egress:
    # Their configuration
    - to:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: agentgateway-system}}
      ports:
        - {protocol: TCP, port: 9978}
{{- end }}
