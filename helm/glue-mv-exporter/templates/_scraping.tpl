{{/*
The relabelings of all monitors. The pod's address and name change with every rollout; as labels they would start new
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

{{/* What an endpoint of a ServiceMonitor or PodMonitor, and a ScrapeConfig, have in common. */}}
{{- define "glue-mv-exporter.scraping" -}}
{{- with .values.honorLabels }}
honorLabels: {{ . }}
{{- end }}
{{- with .values.proxyUrl }}
proxyUrl: {{ . | quote }}
{{- end }}
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
{{- with .values.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The endpoint of a ServiceMonitor or PodMonitor. */}}
{{- define "glue-mv-exporter.endpoint" -}}
port: {{ include "glue-mv-exporter.scheme" .root }}
path: /metrics
scheme: {{ include "glue-mv-exporter.scheme" .root }}
{{- with .values.interval }}
interval: {{ . }}
{{- end }}
{{- with .values.scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- include "glue-mv-exporter.scraping" . }}
relabelings:
  {{- include "glue-mv-exporter.relabelings" .root | nindent 2 }}
  {{- with .values.relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Limits beyond which Prometheus rejects a scrape. */}}
{{- define "glue-mv-exporter.limits" -}}
{{- $values := . }}
{{- range $limit := list "sampleLimit" "targetLimit" "labelLimit" "labelNameLengthLimit" "labelValueLengthLimit" }}
{{- with index $values $limit }}
{{ $limit }}: {{ int64 . }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
The matchers of the series that this release's monitor scrapes, each with a comma behind it. Prometheus gets `namespace` and
`job` from the monitor; without one they are not known, and nothing is matched.
*/}}
{{- define "glue-mv-exporter.ownSeries" -}}
{{- $labels := dict -}}
{{- $jobLabel := "job" -}}
{{- if .Values.serviceMonitor.enabled -}}
{{- $labels = include "glue-mv-exporter.labels" (dict "root" . "labels" .Values.service.labels) | fromYaml -}}
{{- $jobLabel = .Values.serviceMonitor.jobLabel -}}
{{- else if .Values.podMonitor.enabled -}}
{{- $labels = include "glue-mv-exporter.labels" (dict "root" . "labels" .Values.podLabels "pod" true) | fromYaml -}}
{{- $jobLabel = .Values.podMonitor.jobLabel -}}
{{- else if .Values.scrapeConfig.enabled -}}
{{- $labels = dict "job" (default .Release.Name .Values.scrapeConfig.jobName) -}}
{{- end -}}
{{- if or .Values.serviceMonitor.enabled .Values.podMonitor.enabled .Values.scrapeConfig.enabled -}}
{{- printf "namespace=%q," (include "glue-mv-exporter.namespace" .) -}}
{{- with get $labels $jobLabel -}}
{{- printf "job=%q," . -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A duration as Prometheus writes it, in milliseconds. */}}
{{- define "glue-mv-exporter.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 "y" 31536000000 -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+(ms|[smhdwy])" . -1 -}}
{{- $unit := regexFind "[a-z]+" . -}}
{{- $sum = add $sum (mul (trimSuffix $unit . | int64) (index $units $unit)) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}
