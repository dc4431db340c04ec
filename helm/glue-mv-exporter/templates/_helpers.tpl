{{/* The chart's name, for labels. */}}
{{- define "glue-mv-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/*
The name of all objects. 52 characters: the controller labels the pods of a StatefulSet with its name, a dash and a
hash, and a label has at most 63.
*/}}
{{- define "glue-mv-exporter.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The labels that select the exporter's pods. Do not change them: selectors are immutable. */}}
{{- define "glue-mv-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "glue-mv-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The labels of all objects except pods. */}}
{{- define "glue-mv-exporter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "glue-mv-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: exporter
app.kubernetes.io/part-of: glue-mv-exporter
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* "true" for a StatefulSet: pods have numbers or volumes. */}}
{{- define "glue-mv-exporter.stateful" -}}
{{- if or (gt (int .Values.shards) 1) .Values.persistence.enabled -}}true{{- end -}}
{{- end -}}

{{/* The image. A digest takes precedence over a tag. */}}
{{- define "glue-mv-exporter.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The ServiceAccount of the pods. */}}
{{- define "glue-mv-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "glue-mv-exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The exporter's scheme: "https" or "http". */}}
{{- define "glue-mv-exporter.scheme" -}}
{{- if and .Values.webConfig.existingSecret .Values.webConfig.tls -}}https{{- else -}}http{{- end -}}
{{- end -}}

{{/* The labels of the pod of `helm test`: none of those that the Service selects. */}}
{{- define "glue-mv-exporter.testLabels" -}}
app.kubernetes.io/name: {{ printf "%s-test" (include "glue-mv-exporter.name" .) }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The number of pods. */}}
{{- define "glue-mv-exporter.replicas" -}}
{{- mul (int .Values.replicaCount) (int .Values.shards) -}}
{{- end -}}

{{/*
The relabelings of both monitors. The pod's address and name change with every rollout; as labels they would start new
series, and reset counters and the `for` of alerts. The release and the shard do not change. A single pod is called like
the first shard, so that it can become one.
*/}}
{{- define "glue-mv-exporter.relabelings" -}}
- action: replace
  targetLabel: instance
  replacement: {{ include "glue-mv-exporter.fullname" . }}-0
{{- if include "glue-mv-exporter.stateful" . }}
- action: replace
  sourceLabels: [__meta_kubernetes_pod_name]
  regex: .*-([0-9]+)
  targetLabel: instance
  replacement: {{ include "glue-mv-exporter.fullname" . }}-$1
{{- end }}
- action: labeldrop
  regex: pod|node
{{- end -}}

{{/* The rest of an endpoint of a ServiceMonitor or PodMonitor. */}}
{{- define "glue-mv-exporter.scraping" -}}
scheme: {{ include "glue-mv-exporter.scheme" .root }}
interval: {{ .values.interval }}
scrapeTimeout: {{ .values.scrapeTimeout }}
{{- if eq (include "glue-mv-exporter.scheme" .root) "https" }}
{{- with .values.tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .values.basicAuth }}
basicAuth:
  {{- toYaml . | nindent 2 }}
{{- end }}
relabelings:
  {{- include "glue-mv-exporter.relabelings" .root | nindent 2 }}
  {{- with .values.relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .values.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
