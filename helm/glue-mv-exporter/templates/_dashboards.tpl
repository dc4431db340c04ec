{{/* The JSON of a dashboard (`content`), with the price and the objective of the values in place of its own. */}}
{{- define "glue-mv-exporter.dashboard" -}}
{{- $price := .root.Values.dashboards.dpuHourPrice | toString | quote -}}
{{- $objective := .root.Values.prometheusRule.thresholds.freshnessObjective | toString | quote -}}
{{- toString .content | trim | replace "\"0.44\"" $price | replace "\"0.99\"" $objective -}}
{{- end -}}
