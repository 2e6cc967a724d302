{{/*
An Argo CD Application. Takes a dictionary:
  name       of the Application
  wave       it is created in
  project    the AppProject that fences it
  namespace  its objects go to, unless they name one
  sources    a list of sources, as in the Application's spec
  keep       optional: what it owns is removed only when a person confirms (CRDs, namespaces)
  trusts     optional: kinds of its objects into which a controller writes the authority of its webhook
*/}}
{{- define "root.application" }}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {{ .name }}
  namespace: argocd
  annotations:
    argocd.argoproj.io/sync-wave: {{ .wave | quote }}
    {{- if .keep }}
    argocd.argoproj.io/sync-options: Prune=confirm,Delete=confirm
    {{- end }}
    argocd.argoproj.io/compare-options: ServerSideDiff=true
  finalizers: [resources-finalizer.argocd.argoproj.io]
spec:
  project: {{ .project }}
  destination:
    server: https://kubernetes.default.svc
    namespace: {{ .namespace }}
  sources: {{- toYaml .sources | nindent 4 }}
  {{- with .trusts }}
  # Written by the controller when it starts, and again when its certificate is renewed.
  ignoreDifferences:
    {{- $places := include "root.authorities" . | fromYaml }}
    {{- range . }}
    {{- $place := get $places . | required (printf "root.authorities: %s is missing" .) }}
    - {group: {{ $place.group }}, kind: {{ . }}, jqPathExpressions: [{{ $place.path | quote }}]}
    {{- end }}
  {{- end }}
  syncPolicy:
    automated: {prune: true, selfHeal: true}
    syncOptions:
      - ServerSideApply=true
      - FailOnSharedResource=true
      - RespectIgnoreDifferences=true
      {{- if .keep }}
      - Prune=confirm
      {{- end }}
    retry:
      {{- include "platform.retry" . | nindent 6 }}
{{- end }}

{{/* Where each kind has the authority that the API server verifies a webhook against. */}}
{{- define "root.authorities" }}
MutatingWebhookConfiguration: {group: admissionregistration.k8s.io, path: ".webhooks[]?.clientConfig.caBundle"}
ValidatingWebhookConfiguration: {group: admissionregistration.k8s.io, path: ".webhooks[]?.clientConfig.caBundle"}
CustomResourceDefinition: {group: apiextensions.k8s.io, path: .spec.conversion.webhook.clientConfig.caBundle}
APIService: {group: apiregistration.k8s.io, path: .spec.caBundle}
{{- end }}

{{/*
A third-party chart as an Application: `root.application` with `root`, the chart's scope, `chart`, its name in .Values.charts,
and `values`, the text of its values. Where it names no project, it has a fence of its own, an AppProject
of its name: it `brings` these kinds for the whole cluster, and anything into its namespace and those that are `within`.
*/}}
{{- define "root.chart" }}
{{- $chart := get .root.Values.charts .chart | required (printf "values: charts.%s is missing" .chart) }}
{{- $helm := dict "releaseName" .name "skipCrds" true }}
{{- with .values }}{{ $_ := set $helm "valuesObject" (fromYaml .) }}{{ end }}
{{- $sources := list (dict "repoURL" $chart.repository "chart" .chart "targetRevision" $chart.version "helm" $helm) }}
{{- if not .project }}
{{ include "root.project" (list .name (printf "The chart %s, and nothing else" .chart)) }}
  sourceRepos: [{{ $chart.repository | quote }}]
  destinations:
    {{- include "root.destinations" (prepend (.within | default list) .namespace) | nindent 4 }}
  clusterResourceWhitelist:
    {{- include "root.kinds" .brings | default "[]" | nindent 4 }}
{{- end }}
{{- include "root.application" (merge (dict "sources" $sources "project" (.project | default .name)) .) }}
{{- end }}

{{/*
CustomResourceDefinitions out of their project's repository, as an Application. Takes `root` and
`crds`, the name in .Values.crds. Wave -1: before everything that makes objects of theirs.
*/}}
{{- define "root.crds" }}
{{- $crds := get .root.Values.crds .crds }}
{{- $source := dict "repoURL" $crds.repository "path" $crds.path "targetRevision" $crds.revision
      "directory" (dict "include" ($crds.files | default "*_*.yaml")) }}
{{- include "root.application" (dict "root" .root "name" (printf "%s-crds" .crds) "wave" -1 "project" "crds"
      "namespace" "argocd" "keep" true "sources" (list $source)) }}
{{- end }}

{{/*
One of our own layers, manifests/layers/NAME, as an Application. It is fed by the same files as this
chart. Takes `root`, `name`, `wave`, `project`, `namespace` and, optional, `layer`, the folder's name
where it is another, and `rendered`: a folder below the cluster's own whose manifests go with it.
*/}}
{{- define "root.layer" }}
{{- $git := .root.Values.git }}
{{- $cluster := printf "manifests/clusters/%s" .root.Values.cluster.name }}
{{- $source := include "root.layerSource" (dict "root" .root "name" (.layer | default .name)) | fromYaml }}
{{- $sources := list $source }}
{{- with .rendered }}
{{- $sources = append $sources (dict "repoURL" $git.repository "targetRevision" $git.revision
      "path" (printf "%s/%s" $cluster .) "directory" (dict "exclude" "values.yaml")) }}
{{- end }}
{{- include "root.application" (merge (dict "sources" $sources) .) }}
{{- end }}

{{/* Where a layer's chart is, and what feeds it. Takes `root` and `name`. */}}
{{- define "root.layerSource" }}
repoURL: {{ .root.Values.git.repository | quote }}
targetRevision: {{ .root.Values.git.revision | quote }}
path: manifests/layers/{{ .name }}
helm:
  releaseName: {{ .name }}
  valueFiles:
    - /manifests/root/values.yaml
    - /manifests/clusters/{{ .root.Values.cluster.name }}/config.yaml
    - /manifests/clusters/{{ .root.Values.cluster.name }}/rendered/values.yaml
{{- end }}
