{{/* The chart's name, for labels. */}}
{{- define "glue-mv-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/*
The name of all objects. 52 characters: the controller labels the pods of a StatefulSet with its name, a dash and a
hash, and a label has at most 63. A Service's name begins with a letter and has no dots; a release's name may differ.
*/}}
{{- define "glue-mv-exporter.fullname" -}}
{{- $chart := default .Chart.Name .Values.nameOverride -}}
{{- $release := .Release.Name | replace "." "-" -}}
{{- $name := printf "%s-%s" $release $chart -}}
{{- if .Values.fullnameOverride -}}
{{- $name = .Values.fullnameOverride -}}
{{- else if regexMatch "^[0-9]" $release -}}
{{- $name = printf "%s-%s" $chart $release -}}
{{- else if contains $chart $release -}}
{{- $name = $release -}}
{{- end -}}
{{- $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/* The namespace of all objects that have none of their own. */}}
{{- define "glue-mv-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* The labels that select the exporter's pods. Do not change them: selectors are immutable. */}}
{{- define "glue-mv-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "glue-mv-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/*
The labels of an object of `component`, with `labels` of its own. Those of pods are without the chart's version: a new
chart alone is not a reason to restart.
*/}}
{{- define "glue-mv-exporter.labels" -}}
{{- $own := include "glue-mv-exporter.selectorLabels" .root | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/component" (default "exporter" .component) -}}
{{- $more := merge (dict) (default dict .labels) (default dict .root.Values.commonLabels) -}}
{{- range $label := keys $own | sortAlpha -}}
{{- if hasKey $more $label -}}
{{- fail (printf "%s cannot be set by commonLabels or other labels: the objects of the release find each other by it" $label) -}}
{{- end -}}
{{- end -}}
{{- $others := dict "app.kubernetes.io/version" .root.Chart.AppVersion "app.kubernetes.io/part-of" "glue-mv-exporter" -}}
{{- if not .pod -}}
{{- $chart := printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $others = merge $others (dict "helm.sh/chart" $chart "app.kubernetes.io/managed-by" .root.Release.Service) -}}
{{- end -}}
{{- toYaml (merge $own $more $others) -}}
{{- end -}}

{{/* The metadata of an object: `name` and `namespace` unless they are the usual ones, `component`, `labels`, `annotations`. */}}
{{- define "glue-mv-exporter.metadata" -}}
name: {{ default (include "glue-mv-exporter.fullname" .root) .name | quote }}
namespace: {{ default (include "glue-mv-exporter.namespace" .root) .namespace | quote }}
labels:
  {{- include "glue-mv-exporter.labels" . | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* "true" for a StatefulSet: pods have numbers or volumes. */}}
{{- define "glue-mv-exporter.stateful" -}}
{{- if or (gt (int .Values.shards) 1) .Values.persistence.enabled -}}true{{- end -}}
{{- end -}}

{{/* The image. A digest takes precedence over a tag, and a registry over the one in the repository. */}}
{{- define "glue-mv-exporter.image" -}}
{{- $image := .Values.image.repository -}}
{{- with default .Values.image.registry (.Values.global).imageRegistry -}}
{{- $image = printf "%s/%s" (trimSuffix "/" .) (regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $image "") -}}
{{- end -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $image .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* The Secrets for the registry. Other charts also write the global ones as names only. */}}
{{- define "glue-mv-exporter.imagePullSecrets" -}}
{{- $secrets := list -}}
{{- range concat .Values.imagePullSecrets (default list (.Values.global).imagePullSecrets) -}}
{{- $secrets = append $secrets (kindIs "string" . | ternary (dict "name" .) .) -}}
{{- end -}}
{{- with uniq $secrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
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
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* The number of pods. */}}
{{- define "glue-mv-exporter.replicas" -}}
{{- mul (int .Values.replicaCount) (int .Values.shards) -}}
{{- end -}}
