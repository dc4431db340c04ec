{{/* The pod of the Deployment and of the StatefulSet. */}}
{{- define "glue-mv-exporter.pod" -}}
metadata:
  {{- $annotations := default dict .Values.podAnnotations }}
  {{- if and .Values.configReload.restartOnChange (not (include "glue-mv-exporter.foreignConfig" .)) }}
  {{- $annotations = merge (dict "checksum/config" (toYaml .Values.config | sha256sum)) $annotations }}
  {{- end }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  labels:
    {{- include "glue-mv-exporter.labels" (dict "root" . "labels" .Values.podLabels "pod" true) | nindent 4 }}
spec:
  {{- include "glue-mv-exporter.imagePullSecrets" . | nindent 2 }}
  serviceAccountName: {{ include "glue-mv-exporter.serviceAccountName" . | quote }}
  automountServiceAccountToken: {{ .Values.serviceAccount.automount }}
  enableServiceLinks: false
  {{- if .Values.hostNetwork }}
  hostNetwork: true
  {{- end }}
  {{- if kindIs "bool" .Values.hostUsers }}
  hostUsers: {{ .Values.hostUsers }}
  {{- end }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    {{- include "glue-mv-exporter.container" . | nindent 4 }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "glue-mv-exporter.volumes" . | nindent 4 }}
  {{- with include "glue-mv-exporter.scheduling" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* "true" if the chart does not create the configuration. */}}
{{- define "glue-mv-exporter.foreignConfig" -}}
{{- if or .Values.existingConfig.configMap .Values.existingConfig.secret -}}true{{- end -}}
{{- end -}}

{{- define "glue-mv-exporter.volumes" -}}
- name: config
  {{- if .Values.existingConfig.secret }}
  secret:
    secretName: {{ .Values.existingConfig.secret | quote }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ default (include "glue-mv-exporter.fullname" .) .Values.existingConfig.configMap | quote }}
    defaultMode: 0444
  {{- end }}
    {{- if include "glue-mv-exporter.foreignConfig" . }}
    items:
      - key: {{ .Values.existingConfig.key | quote }}
        path: config.yaml
    {{- end }}
{{- if and .Values.persistence.enabled .Values.persistence.existingClaim }}
- name: state
  persistentVolumeClaim:
    claimName: {{ .Values.persistence.existingClaim | quote }}
{{- end }}
{{- include "glue-mv-exporter.webVolumes" . }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* For the exporter and the test, which read the same file. */}}
{{- define "glue-mv-exporter.webVolumes" -}}
{{- with .Values.webConfig.existingSecret }}
- name: web-config
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- with .Values.webConfig.certificateSecret }}
- name: certificates
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- define "glue-mv-exporter.webMounts" -}}
{{- if .Values.webConfig.existingSecret }}
- name: web-config
  mountPath: /etc/glue-mv-exporter/web
  readOnly: true
{{- end }}
{{- if .Values.webConfig.certificateSecret }}
- name: certificates
  mountPath: /etc/glue-mv-exporter/certificates
  readOnly: true
{{- end }}
{{- end -}}

{{- define "glue-mv-exporter.scheduling" -}}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $ours := dict "labelSelector" (dict "matchLabels" (include "glue-mv-exporter.selectorLabels" . | fromYaml)) }}
{{- if .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range .Values.topologySpreadConstraints }}
  - {{- toYaml (merge (dict) . $ours) | nindent 4 }}
  {{- end }}
{{- else if gt (int .Values.shards) 1 }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    {{- toYaml $ours | nindent 4 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . | quote }}
{{- end }}
{{- with .Values.schedulerName }}
schedulerName: {{ . | quote }}
{{- end }}
{{- /* Without it, a pod in the node's network does not find the cluster's Services. */}}
{{- with default (ternary "ClusterFirstWithHostNet" "" .Values.hostNetwork) .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
