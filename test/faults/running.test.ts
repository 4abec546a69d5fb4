import { describeScenarios } from "./describe-scenarios.ts";

describeScenarios("stop and start", "clients", "clock", "ids");
