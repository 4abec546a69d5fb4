import { describeScenarios } from "./describe-scenarios.ts";

describeScenarios("store", "log servers");
