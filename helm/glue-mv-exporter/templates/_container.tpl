{{/* The exporter's container. */}}
{{- define "glue-mv-exporter.container" -}}
- name: exporter
  image: {{ include "glue-mv-exporter.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args:
    {{- include "glue-mv-exporter.args" . | nindent 4 }}
  {{- with include "glue-mv-exporter.env" . | fromYamlArray }}
  env:
    {{- toYaml . | nindent 4 }}
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
  {{- if and $values $values.enabled }}
  {{ $probe }}:
    {{- include "glue-mv-exporter.probeHandler" (dict "root" $ "path" $path) | nindent 4 }}
    {{- toYaml (omit $values "enabled") | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- $hooks := dict }}
  {{- range $hook, $handler := .Values.lifecycle }}
  {{- if $handler }}{{ $_ := set $hooks $hook $handler }}{{ end }}
  {{- end }}
  {{- with $hooks }}
  lifecycle:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.securityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
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

{{/* Its environment. A variable of extraEnv takes precedence: the API server refuses a name that stands twice. */}}
{{- define "glue-mv-exporter.env" -}}
{{- $aws := .Values.aws -}}
{{- $env := list -}}
{{- if gt (int .Values.shards) 1 -}}
{{- $field := dict "apiVersion" "v1" "fieldPath" "metadata.name" -}}
{{- $env = append $env (dict "name" "POD_NAME" "valueFrom" (dict "fieldRef" $field)) -}}
{{- end -}}
{{- /* boto3 does not read AWS_REGION. */ -}}
{{- with $aws.region -}}
{{- $env = append $env (dict "name" "AWS_DEFAULT_REGION" "value" .) -}}
{{- end -}}
{{- if $aws.existingSecret -}}
{{- $keys := dict "AWS_ACCESS_KEY_ID" $aws.accessKeyIdKey "AWS_SECRET_ACCESS_KEY" $aws.secretAccessKeyKey "AWS_SESSION_TOKEN" $aws.sessionTokenKey -}}
{{- range $name, $key := $keys -}}
{{- $secret := dict "name" $aws.existingSecret "key" $key -}}
{{- if eq $name "AWS_SESSION_TOKEN" -}}{{- $_ := set $secret "optional" true -}}{{- end -}}
{{- $env = append $env (dict "name" $name "valueFrom" (dict "secretKeyRef" $secret)) -}}
{{- end -}}
{{- end -}}
{{- $named := list -}}
{{- range .Values.extraEnv -}}{{- $named = append $named .name -}}{{- end -}}
{{- range $env -}}
{{- if not (has .name $named) }}
- {{ toYaml . | nindent 2 | trim }}
{{- end -}}
{{- end -}}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end -}}
{{- end -}}

{{- define "glue-mv-exporter.args" -}}
- --config.file=/etc/glue-mv-exporter/config/config.yaml
- --config.auto-reload-interval={{ .Values.configReload.interval }}
- --web.listen-address=:{{ .Values.web.port }}
{{- if .Values.webConfig.existingSecret }}
- --web.config.file=/etc/glue-mv-exporter/web/{{ .Values.webConfig.key }}
{{- end }}
{{- with .Values.externalUrl }}
- {{ printf "--web.external-url=%s" . | quote }}
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
