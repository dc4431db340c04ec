// Reads manifests of the operators' kinds from standard input, as a JSON array, and prints what their models say.
import { readFileSync } from "node:fs";
import { GrafanaDashboard } from "@kubernetes-models/grafana-operator/grafana.integreatly.org/v1beta1/GrafanaDashboard";
import { HTTPRoute } from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute";
import { PodMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";
import { ScrapeConfig } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1alpha1/ScrapeConfig";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";

const models = { GrafanaDashboard, HTTPRoute, PodMonitor, PrometheusRule, ScrapeConfig, ServiceMonitor };
const faults = JSON.parse(readFileSync(0, "utf8")).map((manifest) => {
  try {
    new models[manifest.kind](manifest).validate();
    return null;
  } catch (error) {
    return String(error.message);
  }
});
console.log(JSON.stringify(faults));
