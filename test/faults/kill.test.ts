import { describeScenarios } from "./describe-scenarios.ts";

describeScenarios("kill", "power loss", "disk", "corruption");
