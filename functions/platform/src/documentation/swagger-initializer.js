window.addEventListener('load', () => {
  window.ui = SwaggerUIBundle({
    dom_id: '#swagger-ui',
    url: '/auth/swagger-json',
    deepLinking: true,
    // The default is a validator on the internet.
    validatorUrl: 'none',
  });
});
