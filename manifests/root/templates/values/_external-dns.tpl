{{- define "values.external-dns" }}
provider: {name: google}
extraArgs: {google-project: {{ .Values.cluster.gcpProject }}}
# Of one Service, which says what its names are: the front door.
sources: [service]
labelFilter: app.kubernetes.io/part-of=edge
domainFilters: [{{ .Values.domain }}]
# Records that it made, and no others, go when their names do.
policy: sync
registry: txt
txtOwnerId: {{ .Values.cluster.name }}
interval: 1m
triggerLoopOnEvent: true
resources: {requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 128Mi}}
{{- end }}
