{{/* The chart's name, for labels. */}}
{{- define "glue-mv-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/*
The name of everything. 52 characters: the controller labels the pods of a StatefulSet with its name, a dash and a
hash, and a label holds 63.
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

{{/* What selects the exporter's pods. Never to be changed: selectors cannot be. */}}
{{- define "glue-mv-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "glue-mv-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The labels of everything but pods. */}}
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

{{/* "true" where pods have numbers or volumes of their own, and so are a StatefulSet. */}}
{{- define "glue-mv-exporter.stateful" -}}
{{- if or (gt (int .Values.shards) 1) .Values.persistence.enabled -}}true{{- end -}}
{{- end -}}

{{/* The image. A digest says more than a tag. */}}
{{- define "glue-mv-exporter.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}
