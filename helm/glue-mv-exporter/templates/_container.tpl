{{/* The exporter's container. */}}
{{- define "glue-mv-exporter.container" -}}
- name: exporter
  image: {{ include "glue-mv-exporter.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args:
    {{- include "glue-mv-exporter.args" . | nindent 4 }}
  {{- if or (gt (int .Values.shards) 1) .Values.extraEnv }}
  env:
    {{- if gt (int .Values.shards) 1 }}
    - name: POD_NAME
      valueFrom:
        fieldRef:
          apiVersion: v1
          fieldPath: metadata.name
    {{- end }}
    {{- with .Values.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  {{- with .Values.extraEnvFrom }}
  envFrom:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    - name: {{ include "glue-mv-exporter.scheme" . }}
      containerPort: {{ .Values.web.port }}
      protocol: TCP
  {{- range $probe, $path := dict "livenessProbe" "/-/healthy" "readinessProbe" "/-/ready" "startupProbe" "/-/healthy" }}
  {{- $values := index $.Values $probe }}
  {{- if $values.enabled }}
  {{ $probe }}:
    {{- include "glue-mv-exporter.probeHandler" (dict "root" $ "path" $path) | nindent 4 }}
    {{- toYaml (omit $values "enabled") | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- with .Values.lifecycle }}
  lifecycle:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.securityContext | nindent 4 }}
  volumeMounts:
    - name: config
      mountPath: /etc/glue-mv-exporter/config
      readOnly: true
    {{- if .Values.persistence.enabled }}
    - name: state
      mountPath: /var/lib/glue-mv-exporter
    {{- end }}
    {{- with include "glue-mv-exporter.webMounts" . | trim }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with .Values.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "glue-mv-exporter.args" -}}
- --config.file=/etc/glue-mv-exporter/config/config.yaml
- --config.auto-reload-interval={{ .Values.configReload.interval }}
- --web.listen-address=:{{ .Values.web.port }}
{{- if .Values.webConfig.existingSecret }}
- --web.config.file=/etc/glue-mv-exporter/web/{{ .Values.webConfig.key }}
{{- end }}
{{- with .Values.externalUrl }}
- --web.external-url={{ . }}
{{- end }}
{{- if .Values.web.enableLifecycle }}
- --web.enable-lifecycle
{{- end }}
{{- if .Values.persistence.enabled }}
- --storage.path=/var/lib/glue-mv-exporter
{{- end }}
{{- if gt (int .Values.shards) 1 }}
- --shard=$(POD_NAME)/{{ .Values.shards }}
{{- end }}
- --log.level={{ .Values.logLevel }}
- --log.format={{ .Values.logFormat }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
The handler of a probe. The kubelet has no certificate: if clients need one, the exporter's healthcheck command is the
probe. It requests /-/healthy only.
*/}}
{{- define "glue-mv-exporter.probeHandler" -}}
{{- $scheme := include "glue-mv-exporter.scheme" .root -}}
{{- if and (eq $scheme "https") .root.Values.webConfig.clientCertificates -}}
exec:
  command:
    - glue-mv-exporter
    - healthcheck
    - --web.listen-address=:{{ .root.Values.web.port }}
    - --web.config.file=/etc/glue-mv-exporter/web/{{ .root.Values.webConfig.key }}
{{- else -}}
httpGet:
  path: {{ .path }}
  port: {{ $scheme }}
  scheme: {{ upper $scheme }}
{{- end -}}
{{- end -}}
