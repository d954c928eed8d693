import { Component } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';
import { story } from '../common/story.js';
import { showIn } from '../common/tell.js';

@Component({ selector: 'app-root', template: '<p>A component</p>' })
class App {
  constructor() {
    showIn(globalThis, story);
  }
}

bootstrapApplication(App);
