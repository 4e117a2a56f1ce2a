import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    target: 'es2022',
    // The server sends files, not data: addresses inside of style sheets, which its policy allows for pictures only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssMinify: 'lightningcss',
  },
});
