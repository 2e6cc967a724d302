{{/* What all of our charts share. Every layer's chart links to this file. */}}

{{/* An image reference: by digest where it is known. Takes a map with repository, tag, digest. */}}
{{- define "platform.image" -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag }}{{ end }}
{{- end }}

{{/* The labels of an object. Takes `name`, what it is, and `part`, the layer. */}}
{{- define "platform.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/part-of: {{ .part }}
app.kubernetes.io/managed-by: argocd
{{- end }}

{{/*
The name in the store of what manifests/secrets.yaml calls `name`: a project of Google Cloud may hold the
secrets of several clusters. Takes `root`, a chart's scope, and `name`.
*/}}
{{- define "platform.storeName" -}}
{{- if eq .root.Values.secrets.provider "gcp" }}{{ .root.Values.cluster.name }}-{{ end }}{{ .name }}
{{- end }}

{{/* What `restricted` Pod Security asks of a pod, and of a container. */}}
{{- define "platform.podSecurity" -}}
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "platform.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* The name of a model's objects: its own, with what a Kubernetes name may not hold replaced. */}}
{{- define "platform.modelName" -}}
{{ . | lower | replace "." "-" | replace "_" "-" | replace "/" "-" }}
{{- end }}

{{/*
The hosts that people go to: the first label of each, and the namespace whose routes may take it. Routes
of no other are let to it (layer `foundation`).
*/}}
{{- define "platform.sites" -}}
{{- with .Values.features }}
{{- if .dex }}
dex: auth
argocd: argocd
{{- end }}
{{- if and .dex .prometheus }}
grafana: monitoring
{{- end }}
{{- if .openWebui }}
chat: open-webui
{{- end }}
{{- if .tabby }}
tabby: tabby
{{- end }}
{{- if .n8n }}
n8n: auth   # oauth2-proxy, which stands in the way
{{- end }}
{{- if .mcp }}
mcp: tools
{{- end }}
{{- end }}
{{- end }}

{{/* The first labels of all of the platform's host names, as a list: what stands before `domain`. */}}
{{- define "platform.hosts" -}}
{{ prepend (include "platform.sites" . | fromYaml | keys | sortAlpha) "api" | toYaml }}
{{- end }}

{{/*
The route of a host that people go to, as a whole. Takes `root`, a chart's scope; `host`, its first label;
`name` and `namespace` of the route; `part`, the layer; `service` and `port`, where it leads; and,
optional, `streams`: an answer may take as long as the edge lets one.
*/}}
{{- define "platform.route" -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels: {app.kubernetes.io/part-of: {{ .part }}}
  annotations: {argocd.argoproj.io/sync-wave: "1"}
spec:
  parentRefs:
    - {name: platform, namespace: platform-gateway, sectionName: edge}
  hostnames: [{{ printf "%s.%s" .host .root.Values.domain | quote }}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /}}]
      {{- if .streams }}
      timeouts: {request: {{ include "platform.routeTimeout" .root }}}
      {{- end }}
      backendRefs: [{name: {{ .service }}, port: {{ .port }}}]
{{- end }}

{{/* What a route waits for: longer than the edge, so that the edge is the one who says why. */}}
{{- define "platform.routeTimeout" -}}
{{ add .Values.edge.streamTimeoutSeconds 10 }}s
{{- end }}

{{/*
The head of an ExternalSecret, before what needs its Secret; a template of its `target`, and `data`, follow.
Takes `name`, the Secret's too, `namespace`, and `part`, the layer.
*/}}
{{- define "platform.externalSecret" -}}
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels: {app.kubernetes.io/part-of: {{ .part }}}
  annotations: {argocd.argoproj.io/sync-wave: "-1"}
spec:
  refreshInterval: 1h0m0s
  secretStoreRef: {name: platform, kind: ClusterSecretStore}
  target:
    name: {{ .name }}
    creationPolicy: Owner
    deletionPolicy: Retain
{{- end }}

{{/*
One value that an ExternalSecret brings. Takes `root`, a chart's scope; `as`, its key in the Secret; `key`
and `property`, where manifests/secrets.yaml has it. What the API server would add by itself is written out, so that nothing seems to drift.
*/}}
{{- define "platform.remoteSecret" -}}
secretKey: {{ .as }}
remoteRef:
  key: {{ include "platform.storeName" (dict "root" .root "name" .key) }}
  property: {{ .property }}
  conversionStrategy: Default
  decodingStrategy: None
  metadataPolicy: None
{{- end }}

{{/*
The virtual key of an application, by which the edge knows it: the Secret `tollgate-key` in the
application's namespace. `make seed-secrets` mints it: the key to the store, its hash to the rule files.
Takes `root`, a chart's scope; `app`, which is the namespace too; and, optional, `files`: more keys of the Secret, as templates
of External Secrets in which `index . "api-key"` is the key.
*/}}
{{- define "platform.virtualKey" -}}
{{ include "platform.externalSecret" (dict "name" "tollgate-key" "namespace" .app "part" .app) }}
    {{- with .files }}
    template:
      engineVersion: v2
      mergePolicy: Merge
      data: {{- toYaml . | nindent 8 }}
    {{- end }}
  data:
    - {{- include "platform.remoteSecret" (dict "root" .root "as" "api-key" "key" (printf "tollgate-key-%s" .app) "property" "api-key") | nindent 6 }}
{{- end }}

{{/* A volume that outlives its application. Takes `app` and `storage`. */}}
{{- define "platform.data" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
  namespace: {{ .app }}
  labels: {app.kubernetes.io/part-of: {{ .app }}}
  annotations:
    argocd.argoproj.io/sync-options: Prune=confirm,Delete=confirm
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: {{ .storage }}}}
{{- end }}

{{/* The rest of a certificate that the private authority signs. */}}
{{- define "platform.certificateTerms" -}}
duration: 2160h
renewBefore: 720h
privateKey: {algorithm: ECDSA, size: 256, rotationPolicy: Always}
issuerRef: {name: platform, kind: ClusterIssuer, group: cert-manager.io}
{{- end }}

{{/* What is no public address, as a list. */}}
{{- define "platform.privateRanges" -}}
[10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
{{- end }}

{{/* How long a server takes until it is warm, in seconds. Takes a model's entry in the values. */}}
{{- define "platform.coldStart" -}}
{{ .coldStartSeconds | default 600 }}
{{- end }}

{{/* How Argo CD tries again, as part of an Application's syncPolicy. */}}
{{- define "platform.retry" -}}
limit: 10
# With what Git has by then: else a commit that mends a failing one waits for the last try.
refresh: true
backoff: {duration: 10s, factor: 2, maxDuration: 5m}
{{- end }}

{{/* Where applications inside the cluster ask for models. */}}
{{- define "platform.edge" -}}
http://tollgate-edge-internal.edge.svc.cluster.local:8081/v1
{{- end }}

{{/* The name of the Deployment that a model's pods are of. Takes `root` and `model`, the model's name. */}}
{{- define "platform.modelDeployment" -}}
{{ include "platform.modelName" .model }}{{ if .root.Values.features.kserve }}-predictor{{ end }}
{{- end }}
